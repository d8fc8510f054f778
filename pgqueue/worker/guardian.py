"""Ends what a supervisor leaves behind that was killed: a process of its own, started by it only.

A child whose supervisor is gone ends by itself, unless its task is in C code that holds the
interpreter: then nothing in that process runs, and somebody has to end it from outside who outlives
the supervisor. The guardian reads from a pipe the marks of the processes that there are; at the end
of the pipe it kills those that are left, and ends.

It lies there as long as its worker, so it is run as a file, and imports nothing of pgqueue.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterable

#: In the environment of every process of ours, and so of what its tasks start.
MARK = "PGQUEUE_PROCESS"
#: A process that forks while it is looked for may be missed once; not so often.
PASSES = 5


def guard(lines: Iterable[str]) -> None:
    """Follow which marks come (`+mark`) and go (`-mark`), and kill at the end what has not gone."""
    marks: set[str] = set()
    for line in lines:
        change = marks.add if line[0] == "+" else marks.discard
        change(line[1:].rstrip())
    for mark in marks:
        kill_marked(mark)


def kill_marked(mark: str) -> None:
    """Kill all processes of ours with this mark in their environment, and what they fork."""
    wanted = f"{MARK}={mark}".encode()
    for _ in range(PASSES):
        if not sum(_kill_if_marked(place, wanted) for place in _processes()):
            return


def _processes() -> list[str]:
    try:
        return [name for name in os.listdir("/proc") if name.isdecimal()]  # noqa: PTH208 (no pathlib)
    except OSError:  # macOS
        return []


def _kill_if_marked(pid: str, mark: bytes) -> bool:
    try:
        with open(f"/proc/{pid}/environ", "rb") as environ:  # noqa: PTH123 (no pathlib)
            if mark not in environ.read().split(b"\0"):
                return False
        os.kill(int(pid), signal.SIGKILL)
    except OSError:  # it has ended, or is another user's
        return False
    return True


if __name__ == "__main__":
    # A service manager tells its whole group to end; the guardian's end is that of the pipe.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, signal.SIG_IGN)
    guard(sys.stdin)
