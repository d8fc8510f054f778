"""What is to be enqueued when: declared, edited, and fired when its time has come."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from pgqueue.arrays import plain_array, text_array
from pgqueue.limits import RESERVED
from pgqueue.operations.values import nothing, single_value, timestamp
from pgqueue.query import Query, Row
from pgqueue.rows import Declaration, DueSchedule, Fire, ScheduleRow, Turn


def next_tick() -> Query[float | None]:
    """Return the seconds until some schedule is due, below 0 if one is late; None: never."""
    return Query("next_tick", {}, single_value)


def due_schedules(limit: int, name: str | None = None) -> Query[list[DueSchedule]]:
    """Lock up to `limit` schedules that are due, or the one of this name, and return them."""
    params = {"limit": limit, "name": name}
    return Query("due_schedules", params, lambda rows: [DueSchedule(*_in_utc(row)) for row in rows])


def fire(turns: Sequence[Turn]) -> Query[int]:
    """Enqueue what is due of locked schedules and advance them; returns how many jobs there are."""
    ticks = [(turn.name, tick) for turn in turns for tick in turn.ticks]
    params = {
        "fired": text_array(name for name, _ in ticks),
        "fire_times": text_array(timestamp(tick.time) for _, tick in ticks),
        "enqueue": plain_array(tick.enqueue for _, tick in ticks),
        "names": text_array(turn.name for turn in turns),
        "next_run_ats": text_array(timestamp(turn.next_run_at) for turn in turns),
        "anchors": text_array(timestamp(turn.anchor_at) for turn in turns),
        "waiting_ticks": text_array(timestamp(turn.waiting_tick) for turn in turns),
        "reserved": RESERVED,
    }
    return Query("fire", params, lambda rows: sum(row[0] for row in rows))


def refuse_schedule(name: str, error: str) -> Query[None]:
    """Note why a schedule cannot be kept; until somebody changes or resumes it, it is not due."""
    return Query("refuse_schedule", {"name": name, "error": error}, nothing)


def declare_schedules(source: str, declared: str) -> Query[list[tuple[str, str]]]:
    """Make an application's schedules what it declares, in JSON; returns what was done to which.

    `added`, `changed`, `removed`; `taken` if a name is that of a schedule of somebody else's.
    """
    params = {"source": source, "declared": declared}
    return Query("declare_schedules", params, lambda rows: [(name, what) for name, what, _ in rows])


def prune_fires() -> Query[int]:
    """Forget what came of schedules long ago; returns how many fires."""
    return Query("prune_fires", {}, len)


def schedules(name: str | None = None) -> Query[list[ScheduleRow]]:
    """Return every schedule, or the one of this name."""
    return Query("schedules", {"name": name}, lambda rows: [ScheduleRow(*row) for row in rows])


def fires(schedule: str | None = None, limit: int = 50) -> Query[list[Fire]]:
    """Return the newest times of a schedule, or of all, and their jobs."""
    params = {"schedule": schedule, "limit": limit}
    return Query("fires", params, lambda rows: [Fire(*row) for row in rows])


def add_schedule(declaration: Declaration) -> Query[None]:
    """Add a schedule that no application declares."""
    return Query("add_schedule", declaration._asdict(), nothing)


def edit_schedule(name: str, changes: str) -> Query[bool]:
    """Change a schedule, by columns and values in JSON; False if there is none of this name."""
    return Query("edit_schedule", {"name": name, "changes": changes}, single_value)


def pause_schedule(name: str) -> Query[bool]:
    """Keep a schedule from being due; False if there is none of this name."""
    return Query("pause_schedule", {"name": name}, single_value)


def resume_schedule(name: str) -> Query[bool]:
    """Let a schedule go on that was paused or refused; False if there is none of this name."""
    return Query("resume_schedule", {"name": name}, single_value)


def run_schedule(name: str) -> Query[str | None]:
    """Enqueue the job of a schedule now; returns its id, or None if there is no such schedule."""
    return Query("run_schedule", {"name": name}, single_value)


def remove_schedule(name: str) -> Query[bool]:
    """Remove a schedule; False if there is none of this name."""
    return Query("remove_schedule", {"name": name}, single_value)


def _in_utc(row: Row) -> list[Any]:
    """Return a row without what its last column did, and times that can be reckoned with."""
    return [value.astimezone(UTC) if isinstance(value, datetime) else value for value in row[:-1]]
