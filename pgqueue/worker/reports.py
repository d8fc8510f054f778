"""What children report, sorted into the operations that write it down."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from pgqueue import operations
from pgqueue.query import Query
from pgqueue.rows import Finished, Released, Retried
from pgqueue.worker import frames
from pgqueue.worker.duties import MAX_CRASHES

#: Of these, the fence refuses what is stale indeed.
_FAILURES = (frames.FAILED, frames.EXPECTED, frames.STALE)


@dataclass(slots=True)
class Batch:
    """Outcomes that are to be written down together, in one transaction."""

    finished: list[Finished] = field(default_factory=list)
    retried: list[Retried] = field(default_factory=list)
    released: list[Released] = field(default_factory=list)
    #: Jobs whose process died, by what it died of.
    crashed: dict[str, list[Released]] = field(default_factory=dict)
    #: The same, where nobody knows which of them did it.
    suspected: dict[str, list[Released]] = field(default_factory=dict)
    #: Whether some of it may have been written already, by a commit whose answer was lost.
    resent: bool = False

    def __bool__(self) -> bool:
        return bool(
            self.finished or self.retried or self.released or self.crashed or self.suspected
        )

    def __len__(self) -> int:
        return len(self.finished) + len(self.retried) + len(self._given_back())

    def add(self, record: frames.Record) -> None:
        """Take a record that a child sent."""
        code, id_, claim, *fields = record
        number = int(claim)
        if code == frames.SUCCEEDED:
            self.finished.append(Finished(id_, number, "succeeded", result=fields[0] or None))
        elif code in (
            frames.FAILED,
            frames.EXPECTED,
            frames.STALE,
        ):  # the fence refuses what is stale indeed
            self.finished.append(Finished(id_, number, "failed", None, fields[0], fields[1]))
        elif code == frames.RETRIED:
            seconds, error, traceback, *changes = fields
            changed = [change or None for change in changes]
            self.retried.append(Retried(id_, number, float(seconds), error, traceback, *changed))
        elif code == frames.CANCELLED:
            self.finished.append(Finished(id_, number, "cancelled", None, fields[0]))
        elif code in (frames.UNSTARTED, frames.REQUEUED):
            self.released.append(Released(id_, number))

    def merge(self, later: Batch) -> None:
        """Take over what another batch holds."""
        self.finished += later.finished
        self.retried += later.retried
        self.released += later.released
        for cause, jobs in later.crashed.items():
            self.crashed.setdefault(cause, []).extend(jobs)
        for cause, jobs in later.suspected.items():
            self.suspected.setdefault(cause, []).extend(jobs)
        self.resent = self.resent or later.resent

    def ids(self) -> set[str]:
        """Return the ids of all jobs in the batch."""
        finished = {job.id for job in self.finished}
        return finished.union(self._going_back())

    def claims(self) -> set[tuple[str, int]]:
        """Return id and claim of all jobs in the batch."""
        parts = (self.finished, self.retried, self._given_back())
        return {(job.id, job.claim) for jobs in parts for job in jobs}

    def queries(self) -> list[Query[Any]]:
        """Return what writes the batch down, in order.

        Jobs that go back to the queue although their cancellation was asked for are cancelled in
        the same transaction. What follows edges comes last: who waits is locked after who runs.
        """
        queries: list[Query[Any]] = []
        if self.retried:
            queries.append(operations.retry(self.retried))
        if self.released:
            queries.append(operations.release(self.released))
        for cause, jobs in self.suspected.items():
            queries.append(operations.suspect(jobs, cause))
        for cause, jobs in self.crashed.items():
            queries.append(operations.crash(jobs, cause, MAX_CRASHES, alone=True))
        if self.finished:
            queries.append(operations.finish(self.finished))
        if back := self._going_back():
            queries.append(operations.cancel_requested(back))
        return queries

    def stale(self, results: Sequence[Iterable[str]]) -> set[tuple[str, int]]:
        """Return id and claim of what the fence refused, given what the queries read.

        Of a job that this worker has run twice at once, the newest claim is the one accepted.
        """
        accepted = {id_ for ids in results for id_ in ids}
        if len(accepted) == len(self):
            return set()
        claims = self.claims()
        newest = dict(sorted(claims))
        return {(id_, n) for id_, n in claims if id_ not in accepted or n < newest[id_]}

    def crash_states(self, results: Sequence[Any]) -> dict[str, str]:
        """Return the states that crashed jobs have now, by id, given what the queries read."""
        first = bool(self.retried) + bool(self.released) + len(self.suspected)
        found = results[first : first + len(self.crashed)]
        return {id_: state for states in found for id_, state in states.items()}

    def singly(self) -> list[Batch]:
        """Return the batch as batches of one job."""
        parts = [Batch(finished=[job]) for job in self.finished]
        parts += [Batch(retried=[job]) for job in self.retried]
        parts += [Batch(released=[job]) for job in self.released]
        parts += [Batch(crashed={c: [job]}) for c, jobs in self.crashed.items() for job in jobs]
        parts += [Batch(suspected={c: [job]}) for c, jobs in self.suspected.items() for job in jobs]
        return parts

    def refused_by(self, error: Exception) -> Batch:
        """Return the batch with every value that PostgreSQL may have refused replaced by why."""
        text = f"InvalidPayload: PostgreSQL refused what the task left behind: {error}"
        # A retry fails: its countdown may be what was refused, and there is no other to go by.
        ended: list[Finished | Retried] = [*self.finished, *self.retried]
        finished = [Finished(job.id, job.claim, "failed", None, text) for job in ended]
        crashed = {text: _all(self.crashed)} if self.crashed else {}
        suspected = {text: _all(self.suspected)} if self.suspected else {}
        return Batch(finished, [], self.released, crashed, suspected)

    def _going_back(self) -> list[str]:
        retried = [job.id for job in self.retried]
        return retried + [job.id for job in self._given_back()]

    def _given_back(self) -> list[Released]:
        if not (self.crashed or self.suspected):
            return self.released
        return [*self.released, *_all(self.crashed), *_all(self.suspected)]


def _all(jobs: dict[str, list[Released]]) -> list[Released]:
    return [job for some in jobs.values() for job in some]
