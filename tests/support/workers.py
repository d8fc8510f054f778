"""Real workers: `pgq worker` as a process, watched through its log and its row."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from pgqueue.worker.processes import MARK
from support.waiting import wait_for

TESTS = Path(__file__).parent.parent
PATIENCE = 30.0
UNWOKEN = "notifications do not arrive"


#: Runs `pgq` with other constants than its own: "pgqueue.worker.liveness LEASE=2.0".
PATCHED = """
import importlib, runpy, sys
for patch in filter(None, sys.argv[1].split(",")):
    module, _, value = patch.partition(" ")
    name, _, value = value.partition("=")
    assert hasattr(importlib.import_module(module), name), patch
    setattr(sys.modules[module], name, float(value))
sys.argv[:2] = ["pgq"]
runpy.run_module("pgqueue.cli", run_name="__main__")
"""


class Worker:
    """A `pgq worker` on one database; `patches` are constants of `pgqueue.worker` to change.

    `prelude` is Python that runs in the supervisor's process before anything else does. `source` is
    the source tree of another release, to be run instead of this one. `before` goes before the
    command, `environment` is added to its own. `command` is "worker", or "beat".
    """

    def __init__(
        self,
        dsn: str,
        log: Path,
        *options: str,
        app: str = "support.tasks",
        patches: dict[str, float] | None = None,
        prelude: str = "",
        source: Path = TESTS.parent,
        before: Sequence[str] = (),
        environment: dict[str, str] | None = None,
        command: str = "worker",
    ) -> None:
        self._log = log
        tests = source / "tests"
        path = [str(tests), *([str(source)] if source != TESTS.parent else [])]
        path = os.pathsep.join([*path, os.environ.get("PYTHONPATH", "")])
        own = {"PGQUEUE_DSN": dsn, "PYTHONPATH": path, **(environment or {})}
        run = ["-m", "pgqueue.cli"]
        if patches or prelude:
            changes = [f"pgqueue.worker.{p}={v}" for p, v in (patches or {}).items()]
            run = ["-c", prelude + PATCHED, ",".join(changes)]
        started = [*before, sys.executable, *run, command, "-A", app, *options]
        with log.open("wb") as stderr:
            self.process = subprocess.Popen(
                started, env={**os.environ, **own}, stdout=stderr, stderr=stderr, cwd=tests
            )

    @property
    def log(self) -> str:
        return self._log.read_text(errors="replace")

    @property
    def lines(self) -> list[str]:
        """The lines of its log, but for what it says behind a pooler, at any time."""
        return [line for line in self.log.splitlines() if UNWOKEN not in line]

    def logged(self, pattern: str, times: int = 1) -> list[str]:
        """Wait until the log has so many lines that match; return them."""

        def found():
            lines = [line for line in self.log.splitlines() if re.search(pattern, line)]
            return lines if len(lines) >= times else None

        return wait_for(found, f"{pattern!r} in\n{self.log}", PATIENCE)

    def ready(self) -> Worker:
        """Wait until it works, and hears notifications."""
        self.logged("is ready")
        return self

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def ended(self) -> int:
        """Wait until the process has ended; return its exit status."""
        return self.process.wait(timeout=PATIENCE)

    def stop(self) -> int:
        self.signal(signal.SIGTERM)
        return self.ended()

    def destroy(self) -> None:
        """Leave nothing of it."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def process_exists(pid: int) -> bool:
    """Tell whether a process of this id is there."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def is_running(pid: int) -> bool:
    """Tell whether a process of this id is there, and not only its exit status."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def processes_marked(supervisor: int) -> set[int]:
    """The processes that a worker's children are, or have started and not kept their mark from."""
    mark = f"{MARK}={supervisor}-".encode()
    return {
        int(place.name)
        for place in Path("/proc").glob("[0-9]*")
        if mark in _environ(place) and is_running(int(place.name))
    }


def _environ(place: Path) -> bytes:
    try:
        return (place / "environ").read_bytes()
    except OSError:
        return b""
