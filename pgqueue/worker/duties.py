"""What some worker must do now and then, whichever it is: a table, and how a row is done."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from uuid import UUID

from pgqueue import operations
from pgqueue.migrate import DAYS_AHEAD
from pgqueue.rows import Lost, PrunedQueues
from pgqueue.worker import compaction
from pgqueue.worker.control import Control, Runner

log = logging.getLogger("pgqueue.worker")

#: A job whose process died this often is not run again.
MAX_CRASHES = 3
#: How many jobs a line of the log names.
NAMED = 10
#: How many edges, or unique keys, a duty looks at in one go: 0.12 s of a busy machine, of a
#: million edges.
SLICE = 20_000
#: How many pages of the history the duty for queues reads in one go: 80 MB.
PAGES = 10_000
NOWHERE = UUID(int=0)


@dataclass(frozen=True, slots=True)
class Duty:
    """A periodic act: its name (also its lock's), its interval in seconds, and what it does."""

    name: str
    interval: float
    perform: Callable[[Runner], Awaitable[None]]


async def perform(duty: Duty, control: Control) -> bool:
    """Do a duty in one transaction; False if another worker is at it."""
    async with control.transaction() as run:
        if not await run(operations.lead(duty.name)):
            return False
        await duty.perform(run)
        return True


def rescue(watcher: int) -> Duty:
    """Return the duty to rescue the jobs of workers other than this one; see `watching`."""
    return Duty("rescue", 0.0, partial(_rescue, watcher=watcher))


async def _rescue(run: Runner, *, watcher: int) -> None:
    """Queue the jobs again whose worker has let its lease go by."""
    lost = await run(operations.lost(watcher))
    by_worker: dict[int, list[Lost]] = {}
    for job in lost:
        by_worker.setdefault(job.worker_id, []).append(job)
    for worker, jobs in by_worker.items():
        name = jobs[0].worker_name
        error = f"WorkerLost: worker {name} (id {worker}) was not heard of within its lease"
        states = await run(operations.crash(jobs, error, MAX_CRASHES))
        await run(operations.cancel_requested(states))
        failed = [id_ for id_, state in states.items() if state == "failed"]
        charged = sum(job.charged for job in jobs)
        again = len(states) - len(failed)
        log.warning("%s: %d of its jobs run again, %d had begun", error, again, charged)
        if failed:
            log.error(
                "%d of them failed, because it was the crash no. %d of each; if workers were "
                "killed for another reason, 'pgq jobs retry' runs them again: %s",
                len(failed),
                MAX_CRASHES,
                ", ".join(failed[:NAMED]),
            )


async def keep_partitions(run: Runner) -> None:
    """Make the coming days' partitions."""
    await run(operations.create_partitions(DAYS_AHEAD))


async def prune(run: Runner) -> None:
    """Drop the history whose time has come, and the workers that ran nothing that is left."""
    dropped = await run(operations.drop_partitions())
    if dropped:
        log.info("dropped finished jobs past their retention: %s", ", ".join(sorted(dropped)))
    await run(operations.prune_workers())
    await run(operations.prune_groups())
    await run(operations.prune_fires())


async def _follow(run: Runner, *, place: list[UUID]) -> None:
    """Follow what nobody followed, in the next slice of the edges, which begins behind `place`."""
    found = await run(operations.unfollowed(place[0], place[1], SLICE))
    place[:] = (found.parent_id, found.child_id) if found.edges == SLICE else (NOWHERE, NOWHERE)
    if found.ended:
        touched = await run(operations.follow(found.ended))
        log.warning(
            "%d jobs had ended, and nobody had followed their edges (a worker of an older release, "
            "or rows were deleted by hand): %d jobs are released, ended or made",
            len(found.ended),
            touched,
        )


async def _prune_keys(run: Runner, *, place: list[str]) -> None:
    """Take away what is over of the next slice of the unique keys, which begins behind `place`."""
    found = await run(operations.prune_keys(place[0], SLICE))
    place[0] = found.last if found.keys == SLICE else ""


async def _prune_queues(run: Runner, *, place: list[PrunedQueues]) -> None:
    """Delete what its queue does not keep in the next slice of the history."""
    place[0] = await run(operations.prune_queues(place[0].leaf, place[0].page, PAGES))


DUTIES = (
    Duty("compact", compaction.INTERVAL, compaction.Compaction().perform),
    Duty("follow", 10.0, partial(_follow, place=[NOWHERE, NOWHERE])),
    Duty("keys", 10.0, partial(_prune_keys, place=[""])),
    Duty("partitions", 3600.0, keep_partitions),
    Duty("prune", 600.0, prune),
    Duty("queues", 10.0, partial(_prune_queues, place=[PrunedQueues("", 0, 0)])),
)
