"""What a stretch of work costs: values that are read before and after it, and subtracted.

>>> before = Reading(1.0, 1000, 5, 0, "0/1", server_cpu=None, own_cpu=0.1, machine=9.0)
>>> spent = Reading(3.0, 1500, 7, 0, "0/1", server_cpu=None, own_cpu=0.1, machine=9.5) - before
>>> spent.seconds, spent.wal, spent.commits, spent.server_cpu, spent.machine
(2.0, 500, 2, None, 0.5)
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass

from pgqueue.bench import processes
from pgqueue.bench.processes import Memory
from pgqueue.bench.scratch import Scratch

#: Since this release a session can be told to write down what it has counted.
FLUSHES = 150000
#: Before, it did so twice a second.
FLUSHED = 0.6
#: A process is the one that PostgreSQL speaks of if both say the same of when it began.
NEAR = 5.0


@dataclass(frozen=True, slots=True)
class Spent:
    """What happened between two readings.

    `wal` in bytes, of the whole server; `commits` in this database, without the meter's own;
    `server_cpu` in seconds, of all processes of the server without the meter's own session, None
    if it runs elsewhere. `checkpointed`: a checkpoint began meanwhile, so that WAL holds images of
    whole pages. `elsewhere`: commits in the server's other databases. `own_cpu` and `machine`:
    processor time of this process, and of all processes of this machine.
    """

    seconds: float
    wal: int
    commits: int
    server_cpu: float | None
    checkpointed: bool
    elsewhere: int
    own_cpu: float
    machine: float | None


@dataclass(frozen=True, slots=True)
class Reading:
    """The server's counters at a moment; see `Spent`."""

    at: float
    wal: int
    commits: int
    elsewhere: int
    redo: str
    server_cpu: float | None
    own_cpu: float
    machine: float | None

    def __sub__(self, before: Reading) -> Spent:
        """Return what happened since another reading."""
        return Spent(
            seconds=self.at - before.at,
            wal=self.wal - before.wal,
            commits=self.commits - before.commits,
            server_cpu=_difference(self.server_cpu, before.server_cpu),
            checkpointed=self.redo != before.redo,
            elsewhere=self.elsewhere - before.elsewhere,
            own_cpu=self.own_cpu - before.own_cpu,
            machine=_difference(self.machine, before.machine),
        )


@dataclass(frozen=True, slots=True)
class Noise:
    """What else went on: reasons not to believe a figure.

    `checkpoints` that began, commits `elsewhere` in the server, and what share of this machine's
    processors `others` used, from 0 to 1; None if that cannot be told.
    """

    checkpoints: int
    elsewhere: int
    others: float | None


@dataclass(frozen=True, slots=True)
class WorkerReading:
    """The processor time of a worker so far, in seconds; None if this is no Linux."""

    supervisor: float | None
    children: float | None

    @property
    def total(self) -> float | None:
        """The time of all its processes."""
        if self.supervisor is None or self.children is None:
            return None
        return self.supervisor + self.children

    def __sub__(self, before: WorkerReading) -> WorkerReading:
        """Return what was used since another reading."""
        return WorkerReading(
            _difference(self.supervisor, before.supervisor),
            _difference(self.children, before.children),
        )


@dataclass(frozen=True, slots=True)
class WorkerMemory:
    """The memory of a worker's processes."""

    supervisor: Memory | None
    children: list[Memory]


class Meter:
    """Reads a server's counters through a `Scratch`."""

    def __init__(self, scratch: Scratch) -> None:
        self._scratch = scratch
        self._own = scratch.connection.info.backend_pid
        self._postmaster = _postmaster(scratch)
        self._flushes = scratch.connection.info.server_version >= FLUSHES

    @property
    def is_local(self) -> bool:
        """Whether the server's processes can be seen from here."""
        return self._postmaster is not None

    def read(self) -> Reading:
        """Return the counters as of now.

        Sessions that are still open write their commits down only every now and then: for an exact
        number read after they have been closed.
        """
        if self._flushes:
            self._scratch.ask("flush")
        else:
            time.sleep(FLUSHED)
        ((wal, commits, elsewhere, redo),) = self._scratch.ask("counters")
        return Reading(
            at=time.monotonic(),
            wal=wal,
            commits=commits - (self._scratch.asked - 1),  # itself is counted only after it
            elsewhere=elsewhere,
            redo=redo,
            server_cpu=self._cpu(),
            own_cpu=time.process_time(),
            machine=processes.machine(),
        )

    def _cpu(self) -> float | None:
        if self._postmaster is None:
            return None
        while (parent := processes.process(self._postmaster)) is not None:
            living = processes.children(self._postmaster)
            if processes.process(self._postmaster) == parent:
                break
            # A backend has ended meanwhile, and might be in neither account, or in both.
        else:
            return None
        return (
            parent.cpu
            + parent.ended
            + sum(child.cpu + child.ended for child in living if child.pid != self._own)
        )


def noise(stretches: Sequence[Spent], used: float | None) -> Noise:
    """Return what else went on, given the processor time that the measured clients used."""
    available = (os.cpu_count() or 1) * sum(spent.seconds for spent in stretches)
    ours = [used] + [spent.server_cpu for spent in stretches]
    machine = [spent.machine for spent in stretches]
    # The server's time is none of this machine's if it runs elsewhere.
    others = (
        None
        if used is None or None in machine
        else sum(filter(None, machine))
        - sum(filter(None, ours))
        - sum(spent.own_cpu for spent in stretches)
    )
    return Noise(
        checkpoints=sum(spent.checkpointed for spent in stretches),
        elsewhere=sum(spent.elsewhere for spent in stretches),
        others=None if others is None else max(0.0, others / available),
    )


def worker_reading(pid: int) -> WorkerReading:
    """Return the processor time of the worker whose supervisor has this process id."""
    supervisor = processes.process(pid)
    if supervisor is None:
        return WorkerReading(None, None)
    living = processes.children(pid)
    return WorkerReading(
        supervisor.cpu, supervisor.ended + sum(child.cpu + child.ended for child in living)
    )


def worker_memory(pid: int) -> WorkerMemory:
    """Return the memory of the worker whose supervisor has this process id."""
    found = (processes.memory(child.pid) for child in processes.children(pid))
    return WorkerMemory(processes.memory(pid), [each for each in found if each is not None])


def _postmaster(scratch: Scratch) -> int | None:
    """Return the process id of the server, if it is one of this machine's."""
    backend = processes.process(scratch.connection.info.backend_pid)
    # Another machine, or another container, has processes of the same numbers.
    if backend is None or abs(backend.started - float(scratch.value("backend_start"))) > NEAR:
        return None
    return backend.parent


def _difference(after: float | None, before: float | None) -> float | None:
    return None if after is None or before is None else after - before
