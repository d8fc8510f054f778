"""A process and all that is started by what runs in it: how they end, together."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

#: In the environment of every process of ours, and so of what its tasks start.
MARK = "PGQUEUE_PROCESS"
#: Seconds; what lies in an uninterruptible call into the kernel outlives even SIGKILL.
PATIENCE = 1.0
#: A process that forks while it is looked for may be missed once; not so often.
PASSES = 5
PROC = Path("/proc")


class Process:
    """A process in a group of its own, so that a signal reaches what it has started as well.

    A terminal's Ctrl-C does not reach it. What leaves the group, as daemons do, is found by the
    mark in its environment, where there is a `/proc`.
    """

    def __init__(self, command: Sequence[str], keep: int) -> None:
        self._mark = f"{os.getpid()}-{secrets.token_hex(8)}"
        self._process = subprocess.Popen(  # noqa: S603 (our own module)
            command,
            pass_fds=[keep],
            process_group=0,
            stdin=subprocess.DEVNULL,
            env={**os.environ, MARK: self._mark},
        )
        self.pid = self._process.pid

    @property
    def has_ended(self) -> bool:
        """Whether it runs no more; its process id is kept for it until `bury`."""
        if self._process.returncode is not None:
            return True
        if not hasattr(os, "waitid"):  # macOS, before Python 3.13
            return self._process.poll() is not None
        options = os.WEXITED | os.WNOHANG | os.WNOWAIT
        return os.waitid(os.P_PID, self.pid, options) is not None

    def kill(self) -> None:
        """End the process and all that it has started, at once."""
        if self._process.returncode is None:  # else the id may be somebody else's by now
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)
        kill_marked(self._mark)

    def bury(self, *, clean: bool) -> str:
        """Wait for the process, which is ending, and say how it did.

        `clean`: what it has started may go on.
        """
        if not clean:
            self.kill()  # which does not change how it ends: it is past that
        for _ in range(2):
            with contextlib.suppress(subprocess.TimeoutExpired):
                return describe_exit(self._process.wait(timeout=PATIENCE))
            self.kill()
        return "killed, and does not die"


def kill_marked(mark: str) -> None:
    """Kill all processes of ours with this mark in their environment, and what they fork."""
    wanted = f"{MARK}={mark}".encode()
    for _ in range(PASSES):
        if not sum(_kill_if_marked(place, wanted) for place in PROC.glob("[0-9]*")):
            return


def _kill_if_marked(place: Path, mark: bytes) -> bool:
    try:
        if mark not in (place / "environ").read_bytes().split(b"\0"):
            return False
        os.kill(int(place.name), signal.SIGKILL)
    except OSError:  # it has ended, or is another user's
        return False
    return True


def resident(pid: int) -> int:
    """Return how much memory a process occupies, in KiB; 0 if it is gone."""
    try:
        pages = (PROC / str(pid) / "statm").read_text().split()[1]
    except OSError:
        return 0
    return int(pages) * os.sysconf("SC_PAGE_SIZE") // 1024


def describe_exit(code: int) -> str:
    """Say how a process ended.

    >>> describe_exit(-9)
    'killed by SIGKILL'
    >>> describe_exit(3)
    'exited with status 3'
    """
    if code >= 0:
        return f"exited with status {code}"
    try:
        return f"killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"killed by signal {-code}"
