"""What Linux says of processes in /proc: processor time, memory, children. None elsewhere."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
_TICK = os.sysconf("SC_CLK_TCK")
_KIB = 1024


@dataclass(frozen=True, slots=True)
class Process:
    """A process at a moment: its times in seconds, its start in seconds since 1970.

    `cpu` is its own processor time, `ended` that of its children which are gone.
    """

    pid: int
    parent: int
    name: str
    cpu: float
    ended: float
    started: float


@dataclass(frozen=True, slots=True)
class Memory:
    """The resident memory of a process, in bytes: now, and at most so far."""

    resident: int
    peak: int


def process(pid: int) -> Process | None:
    """Return a process; None if it is gone, or this is no Linux."""
    try:
        text = (PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
        boot = _boot()
    except OSError:
        return None
    # The name stands in parentheses and may hold anything, parentheses and blanks among it.
    name = text[text.index("(") + 1 : text.rindex(")")]
    fields = text[text.rindex(")") + 2 :].split()
    user, system, ended_user, ended_system = (int(field) / _TICK for field in fields[11:15])
    return Process(
        pid=pid,
        parent=int(fields[1]),
        name=name,
        cpu=user + system,
        ended=ended_user + ended_system,
        started=boot + int(fields[19]) / _TICK,
    )


def children(pid: int) -> list[Process]:
    """Return the processes that a process has started and that still run."""
    if not PROC.is_dir():
        return []
    others = (process(int(entry.name)) for entry in PROC.iterdir() if entry.name.isdigit())
    return [other for other in others if other is not None and other.parent == pid]


def memory(pid: int) -> Memory | None:
    """Return the memory of a process; None if it is gone, or this is no Linux."""
    try:
        text = (PROC / str(pid) / "status").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    fields = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
    if "VmRSS" not in fields:  # it has ended, and waits to be noticed
        return None
    return Memory(*(int(fields[name].split()[0]) * _KIB for name in ("VmRSS", "VmHWM")))


def machine() -> float | None:
    """Return the processor time of everything on this machine, in seconds; None elsewhere.

    All processors together since the machine was started, idle and waiting times left out.
    """
    try:
        first, *_ = (PROC / "stat").read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    user, nice, system, _idle, _waiting, irq, soft, *_rest = map(int, first.split()[1:])
    return (user + nice + system + irq + soft) / _TICK


def _boot() -> float:
    """Return when the machine started, in seconds since 1970."""
    for line in (PROC / "stat").read_text(encoding="utf-8").splitlines():
        if line.startswith("btime "):
            return float(line.split()[1])
    raise OSError("/proc/stat has no btime")
