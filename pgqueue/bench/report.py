"""Results as tables for a person, and what they are called: pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from pgqueue.bench.bulk import Bulk
from pgqueue.bench.draining import BareRun, Draining
from pgqueue.bench.enqueueing import Enqueueing
from pgqueue.bench.figures import Percentiles
from pgqueue.bench.meters import Noise
from pgqueue.bench.mixed import Mixed
from pgqueue.bench.pickups import Pickups
from pgqueue.bench.settings import Settings

MISSING = "-"
#: From this share of the processors, and so many commits in other databases, it is worth a note.
NOISY, BUSY = 0.1, 100
_MB = 1e6


@dataclass(frozen=True, slots=True)
class Table:
    """A title, the names of the columns, rows of as many texts, and notes to stand below."""

    title: str
    columns: tuple[str, ...]
    rows: list[tuple[str, ...]]
    notes: list[str]


def number(value: float | None, digits: int = 0) -> str:
    """Return a number for a table.

    >>> number(12345.6), number(2.345, 2), number(None)
    ('12,346', '2.35', '-')
    """
    return MISSING if value is None else f"{value:,.{digits}f}"


def percent(share: float) -> str:
    """Return a share as percent.

    >>> percent(0.856)
    '86 %'
    """
    return f"{share:.0%}".replace("%", " %")


def settings_lines(s: Settings) -> list[tuple[str, str]]:
    """Return the settings as pairs of a name and what it is."""
    given = [f"{name}={value}" for name, value in s.server.items()]
    size = s.size
    return [
        ("server", f"PostgreSQL {s.postgresql}, database {s.database} on {s.where}"),
        ("", ", ".join(given[:4])),
        ("", ", ".join(given[4:])),
        ("client", f"pgqueue {s.pgqueue}, {s.python}, psycopg {s.psycopg}"),
        ("machine", f"{s.machine}, {s.cores} processors, load {s.load[0]:.2f} at the start"),
        ("worker", f"{s.worker} (default settings)"),
        ("size", f"{size.jobs:,} jobs, {size.seconds:g} s each way, {size.producers} producers"),
        ("before", s.prepared),
    ]


def enqueue_table(found: Enqueueing) -> Table:
    """Return the table of `enqueue` and `producers`."""
    delay, bare = found.delay, found.bare
    sides = (delay, bare)
    who = "1 producer" if found.producers == 1 else f"{found.producers} producers at once"
    rows = [
        _row("jobs", [number(side.jobs) for side in sides], ""),
        _row("speed", [number(side.per_second) for side in sides], "jobs/s"),
        _row(
            "  median of the slices", [number(side.median_per_second) for side in sides], "jobs/s"
        ),
        _row("share of the bare insert", [percent(found.share), ""], ""),
        *_spread("time of a call", [side.latency for side in sides]),
        _row("processor, client", [number(side.client_cpu, 1) for side in sides], "µs/job"),
        _row("processor, server", [number(side.server_cpu, 1) for side in sides], "µs/job"),
        _row("WAL", [number(side.wal) for side in sides], "B/job"),
        _row("commits", [number(side.commits, 2) for side in sides], "per job"),
        _row("round trips", [number(side.round_trips, 2) for side in sides], "per job"),
    ]
    title = f"enqueue: one by one, {who}, {len(found.slices) // 2} slices each in turns"
    return Table(title, ("", "delay()", "bare insert", ""), rows, _noise(found.noise))


def bulk_table(found: Bulk) -> Table:
    """Return the table of `bulk`."""
    rows = [
        _row("speed", [number(found.per_second)], "jobs/s"),
        _row("processor, client", [number(found.client_cpu, 1)], "µs/job"),
        _row("processor, server", [number(found.server_cpu, 1)], "µs/job"),
        _row("WAL", [number(found.wal)], "B/job"),
    ]
    speeds = ", ".join(number(run.per_second) for run in found.runs)
    notes = [f"one by one: {speeds} jobs/s", *_noise(found.noise)]
    title = f"bulk: {found.runs[0].jobs:,} jobs in one transaction, {len(found.runs)} times"
    return Table(title, ("", "", ""), rows, notes)


def drain_table(found: Draining) -> Table:
    """Return the table of `drain`, with its baseline beside it."""
    jobs = sum(run.jobs for run in found.baseline)

    def mean(pick: Callable[[BareRun], float | None]) -> float | None:
        values = [pick(run) for run in found.baseline]
        return None if None in values else sum(filter(None, values)) / len(values)

    memory = found.memory
    children = sum(each.peak for each in memory.children) if memory.children else None
    rows = [
        _row("jobs", [number(found.jobs), number(jobs)], ""),
        _row("speed", [number(found.per_second), number(found.baseline_per_second)], "jobs/s"),
        _row("share of the bare loop", [percent(found.share), ""], ""),
        _row("command to first job", [number(found.first_start, 2), ""], "s"),
        _row("processor, supervisor", [number(found.supervisor_cpu, 1), ""], "µs/job"),
        _row("processor, children", [number(found.children_cpu, 1), ""], "µs/job"),
        _row(
            "processor, client",
            [
                number(_sum(found.supervisor_cpu, found.children_cpu), 1),
                number(mean(lambda run: run.client_cpu), 1),
            ],
            "µs/job",
        ),
        _row(
            "processor, server",
            [number(found.server_cpu, 1), number(mean(lambda run: run.server_cpu), 1)],
            "µs/job",
        ),
        _row(
            "processor, all",
            [
                number(_sum(found.supervisor_cpu, found.children_cpu, found.server_cpu), 1),
                number(mean(lambda run: _sum(run.client_cpu, run.server_cpu)), 1),
            ],
            "µs/job",
        ),
        _row("processor to start", [number(found.start_up_cpu, 2), ""], "s, once"),
        _row(
            "WAL, claim and finish", [number(found.wal), number(mean(lambda run: run.wal))], "B/job"
        ),
        _row("commits", [number(found.commits, 4), ""], "per job"),
        _row(
            "round trips",
            [number(found.round_trips, 4), number(mean(lambda run: run.round_trips), 4)],
            "per job",
        ),
        _row("connections", [number(found.connections), "1"], ""),
        _row("memory, supervisor", [_megabytes(memory.supervisor), ""], "MB, at most"),
        _row(f"memory, {len(memory.children)} children", [number(_scaled(children)), ""], "MB"),
    ]
    title = (
        f"drain: {found.slots} slots in {found.processes} processes, beside its statements in a "
        f"bare loop by {found.baseline[0].batch}"
    )
    speeds = " and ".join(number(run.per_second) for run in found.baseline)
    notes = [f"the bare loop ran before and after the worker, at {speeds} jobs/s"]
    return Table(title, ("", "worker", "bare loop", ""), rows, notes + _noise(found.noise))


def pickup_table(found: Pickups) -> Table:
    """Return the table of `pickup`."""
    rows = _spread("", [found.waited, found.delay])
    notes = [] if found.slept else ["the worker did not sleep: notifications do not reach it"]
    notes += _noise(found.noise)
    title = f"pickup: an idle worker, {found.jobs:,} jobs at {found.per_second:g}/s"
    return Table(title, ("", "delay() to first line", "delay() itself", ""), rows, notes)


def mixed_table(found: Mixed) -> Table:
    """Return the table of `mixed`."""
    at = {place: found.backlog[round(place * (len(found.backlog) - 1))] for place in _QUARTERS}
    grows = "yes" if found.grows else "no"
    rows = [
        _row("enqueued, alone", [number((found.alone_before + found.alone_after) / 2)], "jobs/s"),
        _row("enqueued, beside the worker", [number(found.beside)], "jobs/s"),
        _row("share of alone", [percent(found.share)], ""),
        _row("finished meanwhile", [number(found.finished_per_second)], "jobs/s"),
        *(
            _row(f"backlog after {seconds:.1f} s", [number(jobs)], "jobs")
            for seconds, jobs in at.values()
        ),
        _row(f"backlog grows: {grows}", [number(found.growth, 1)], "jobs/s"),
        *_spread("pick-up", [found.waited]),
        _row("processor, producer", [number(found.producer_cpu, 1)], "µs/job"),
        _row("processor, supervisor", [number(found.supervisor_cpu, 1)], "µs/job"),
        _row("processor, children", [number(found.children_cpu, 1)], "µs/job"),
        _row("processor, server", [number(found.server_cpu, 1)], "µs/job"),
        _row("WAL, enqueue and all", [number(found.wal)], "B/job"),
    ]
    alone = f"{number(found.alone_before)} before and {number(found.alone_after)} after"
    notes = [f"alone it enqueued {alone}", *_noise(found.noise)]
    title = f"mixed: a producer flat out beside a worker, {found.seconds:.1f} s"
    return Table(title, ("", "", ""), rows, notes)


#: How the result of each measure becomes a table.
TABLES: dict[str, Callable[[Any], Table]] = {
    "enqueue": enqueue_table,
    "producers": enqueue_table,
    "bulk": bulk_table,
    "drain": drain_table,
    "pickup": pickup_table,
    "mixed": mixed_table,
}
_QUARTERS = (0.25, 0.5, 0.75, 1.0)


def _row(name: str, values: Sequence[str], unit: str) -> tuple[str, ...]:
    return (name, *values, unit)


def _spread(name: str, sides: Sequence[Percentiles | None]) -> list[tuple[str, ...]]:
    return [
        _row(
            f"{name} {place}".strip(),
            [MISSING if side is None else number(getattr(side, place), 2) for side in sides],
            "ms",
        )
        for place in ("p50", "p90", "p99", "max")
    ]


def _noise(noise: Noise) -> list[str]:
    """Say what else went on, if it was enough to matter."""
    notes = []
    if noise.others is not None and noise.others > NOISY:
        notes.append(f"other processes used {percent(noise.others)} of the processors meanwhile")
    if noise.elsewhere > BUSY:
        notes.append(
            f"the server's other databases committed {noise.elsewhere:,} times meanwhile: WAL and "
            "processor hold theirs, too"
        )
    if noise.checkpoints:
        times = "once" if noise.checkpoints == 1 else f"{noise.checkpoints} times"
        notes.append(f"a checkpoint began meanwhile ({times}): WAL holds whole pages, too")
    return notes


def _sum(*values: float | None) -> float | None:
    return None if None in values else sum(filter(None, values))


def _scaled(count: float | None) -> float | None:
    return None if count is None else count / _MB


def _megabytes(memory: Any) -> str:
    return number(None if memory is None else memory.peak / _MB)
