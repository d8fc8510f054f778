"""What a worker says of itself and asks of others, and the duties that any of them does."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from pgqueue.arrays import plain_array, text_array
from pgqueue.operations.values import nothing, set_of_ids, single_value
from pgqueue.query import Query
from pgqueue.rows import (
    Beat,
    Command,
    Lane,
    Lost,
    PrunedKeys,
    PrunedQueues,
    Rehearsal,
    Unfollowed,
    Watch,
)


def register(worker: Mapping[str, Any], lease: float) -> Query[int]:
    """Insert a worker's row; returns its id."""
    arrays = {name: text_array(worker[name]) for name in ("queues", "tasks")}
    return Query("register", {**worker, **arrays, "lease": lease}, single_value)


def heartbeat(
    worker_id: int, lease: float, stats: str, active: str, *, lifeline: str | None = None
) -> Query[Beat | None]:
    """Renew a worker's lease; None if it has been declared stopped."""
    params = {
        "worker_id": worker_id,
        "lease": lease,
        "stats": stats,
        "active": active,
        "lifeline": lifeline,
    }
    return Query("heartbeat", params, lambda rows: Beat(*rows[0]) if rows else None)


def hold_lifeline(worker_id: int) -> Query[str | None]:
    """Take a worker's lifeline for this session; returns in which life of the server, or None."""
    return Query("hold_lifeline", {"worker_id": worker_id}, single_value)


def watch(watcher: int, grace: float) -> Query[Watch]:
    """Leave workers that let go of their lifeline `grace` seconds; returns what there is to do."""
    return Query("watch", {"watcher": watcher, "grace": grace}, lambda rows: Watch(*rows[0]))


def reconcile(worker_id: int, known: Iterable[tuple[str, int]]) -> Query[set[str]]:
    """Release the jobs that a worker is said to run under claims that it does not know."""
    pairs = sorted(known)
    params = {
        "worker_id": worker_id,
        "ids": plain_array(id_ for id_, _ in pairs),
        "claims": plain_array(claim for _, claim in pairs),
    }
    return Query("reconcile", params, set_of_ids)


def lost(watcher: int = 0) -> Query[list[Lost]]:
    """Declare other workers stopped whose lease is over; returns the jobs that they still ran."""
    return Query("lost", {"watcher": watcher}, lambda rows: [Lost(*row) for row in rows])


def stop(worker_id: int) -> Query[None]:
    """Note that a worker has stopped by itself."""
    return Query("stop", {"worker_id": worker_id}, nothing)


def commands(workers: Iterable[int]) -> Query[list[Command]]:
    """Return what a worker has been told under its ids and has not answered, oldest first."""
    params = {"workers": plain_array(workers)}
    return Query("commands", params, lambda rows: [Command(*row) for row in rows])


def answer(replies: Mapping[int, str]) -> Query[None]:
    """Answer what a worker was told: by the command's id, in JSON."""
    params = {"ids": plain_array(replies), "replies": text_array(replies.values())}
    return Query("answer", params, nothing)


def adapt(worker_id: int, queues: Sequence[str], processes: int, concurrency: int) -> Query[None]:
    """Note which queues a worker serves now, and how many jobs it runs at once."""
    params = {
        "worker_id": worker_id,
        "queues": text_array(queues),
        "processes": processes,
        "concurrency": concurrency,
    }
    return Query("adapt", params, nothing)


def next_due(lanes: Sequence[Lane], tasks: Sequence[str]) -> Query[float | None]:
    """Return the seconds until the next scheduled job of these lanes."""
    params = {
        "queues": text_array(lane.queue for lane in lanes),
        "priorities": plain_array(lane.priority for lane in lanes),
        "tasks": text_array(tasks),
    }
    return Query("next_due", params, single_value)


def lie_down(places: Iterable[str]) -> Query[set[str]]:
    """Ask to be woken; returns the places where the lock was to be had."""
    return Query("lie_down", {"places": text_array(places)}, set_of_ids)


def get_up(places: Iterable[str]) -> Query[None]:
    """Ask no longer to be woken."""
    return Query("get_up", {"places": text_array(places)}, nothing)


def lead(duty: str) -> Query[bool]:
    """Take the lock of a duty for this transaction; False if another worker has it."""
    return Query("lead", {"duty": duty}, single_value)


def create_partitions(days_ahead: int) -> Query[int]:
    """Make the history's partitions; returns how many were missing."""
    return Query("create_partitions", {"days_ahead": days_ahead}, single_value)


def drop_partitions() -> Query[set[str]]:
    """Drop the days of history whose time has come; returns their names."""
    return Query("drop_partitions", {}, set_of_ids)


def prune_workers() -> Query[int]:
    """Forget workers that stopped long ago; returns how many."""
    return Query("prune_workers", {}, len)


def unfollowed(parent_id: UUID, child_id: UUID, limit: int) -> Query[Unfollowed]:
    """Look at up to `limit` edges after this one for jobs that ended and were not followed."""
    params = {"parent_id": parent_id, "child_id": child_id, "limit": limit}
    return Query("unfollowed", params, lambda rows: Unfollowed(*rows[0]))


def prune_keys(after: str, limit: int) -> Query[PrunedKeys]:
    """Look at up to `limit` unique keys after this one, and take away those that nobody holds."""
    params = {"after": after, "limit": limit}
    return Query("prune_keys", params, lambda rows: PrunedKeys(*rows[0]))


def prune_queues(after: str, page: int, pages: int) -> Query[PrunedQueues]:
    """Delete what queues do not keep so long, in so many pages of the history after this one."""
    params = {"after": after, "page": page, "pages": pages}
    return Query("prune_queues", params, lambda rows: PrunedQueues(*rows[0]))


def prune_groups() -> Query[int]:
    """Forget groups that were saved long ago; returns how many."""
    return Query("prune_groups", {}, len)


def rehearse(limit: int) -> Query[Rehearsal]:
    """Read up to `limit` rows of the hot table as `compact` would; the next act may be that."""
    return Query("rehearse", {"limit": limit}, lambda rows: Rehearsal(*rows[0][:2]))


def compact() -> Query[None]:
    """Write the hot table anew, into small files."""
    return Query("compact", {}, nothing)
