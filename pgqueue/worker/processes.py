"""A process and all that is started by what runs in it: how they end, together."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from pgqueue.worker import guardian
from pgqueue.worker.guardian import MARK, kill_marked

#: Seconds; what lies in an uninterruptible call into the kernel outlives even SIGKILL.
PATIENCE = 1.0
PROC = Path("/proc")


class Guardian:
    """Ends the processes of this one that are still there when it was killed: see `guardian`."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def watch(self, mark: str) -> None:
        """Take care of the processes that bear this mark."""
        if self._process is None:
            self._process = subprocess.Popen(  # noqa: S603 (our own module)
                [sys.executable, "-IS", guardian.__file__],
                process_group=0,  # a terminal's Ctrl-C does not reach it
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        self._tell(f"+{mark}\n")

    def forget(self, mark: str) -> None:
        """Leave those that bear this mark alone: they have ended, or may go on."""
        self._tell(f"-{mark}\n")

    def dismiss(self) -> None:
        """Have it end: whatever it takes care of ends first."""
        process, self._process = self._process, None
        if process and process.stdin:
            process.stdin.close()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=PATIENCE)

    def _tell(self, line: str) -> None:
        if self._process and self._process.stdin:
            with contextlib.suppress(OSError):  # somebody has killed it: then without it
                os.write(self._process.stdin.fileno(), line.encode())


class Process:
    """A process in a group of its own, so that a signal reaches what it has started as well.

    A terminal's Ctrl-C does not reach it. What leaves the group, as daemons do, is found by the
    mark in its environment, where there is a `/proc`.
    """

    def __init__(self, command: Sequence[str], keep: int, guardian: Guardian) -> None:
        self._mark = f"{os.getpid()}-{secrets.token_hex(8)}"
        self._guardian = guardian
        guardian.watch(self._mark)  # before there is anything that could be left behind
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
                code = self._process.wait(timeout=PATIENCE)
                self._guardian.forget(self._mark)
                return describe_exit(code)
            self.kill()
        return "killed, and does not die"


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
