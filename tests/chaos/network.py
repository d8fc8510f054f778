"""A network of two, that can be cut: a namespace, a pair of virtual cards, and their neighbours."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import Self

NOWHERE = "02:00:00:00:00:99"


class Network:
    """A namespace with one address, and the address of this side; a context manager.

    Cut is done as a switch does that loses a port: nobody is told, packets go nowhere.
    """

    def __init__(self, number: int = 1) -> None:
        number += os.getpid() % 200  # others may test on this machine, too
        self.name = f"pgqueue{number}"
        self.here, self.there = f"10.213.{number}.1", f"10.213.{number}.2"
        self._ours, self._theirs = f"pgq{number}a", f"pgq{number}b"

    def __enter__(self) -> Self:
        ip("netns", "add", self.name)
        ip("link", "add", self._ours, "type", "veth", "peer", "name", self._theirs)
        ip("link", "set", self._theirs, "netns", self.name)
        ip("addr", "add", f"{self.here}/24", "dev", self._ours)
        ip("link", "set", self._ours, "up")
        self._inside("addr", "add", f"{self.there}/24", "dev", self._theirs)
        self._inside("link", "set", self._theirs, "up")
        self._inside("link", "set", "lo", "up")
        return self

    def __exit__(self, *_: object) -> None:
        ip("netns", "del", self.name)

    @property
    def command(self) -> list[str]:
        """What goes before a command that is to run inside."""
        return ["ip", "netns", "exec", self.name]

    def cut(self) -> None:
        ip("neigh", "replace", self.there, "lladdr", NOWHERE, "dev", self._ours, "nud", "permanent")
        self._inside(
            *("neigh", "replace", self.here, "lladdr", NOWHERE, "dev", self._theirs),
            *("nud", "permanent"),
        )

    def heal(self) -> None:
        ip("neigh", "del", self.there, "dev", self._ours)
        self._inside("neigh", "del", self.here, "dev", self._theirs)

    def _inside(self, *words: str) -> None:
        ip("-n", self.name, *words)


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True, text=True)


def why_no_network() -> str:
    """Return why no namespace can be made here; empty if one can."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    if not shutil.which("ip"):
        return "there is no `ip`: apt-get install iproute2"
    name = f"pgqueue{os.getpid()}"
    made = subprocess.run(["ip", "netns", "add", name], check=False, capture_output=True, text=True)
    if made.returncode:
        return f"`ip netns add` does not work here: {made.stderr.strip()}"
    ip("netns", "del", name)
    return ""
