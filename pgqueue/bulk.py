"""Many jobs at once: what is sent for a stream of calls, in one transaction and bounded memory."""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import chain
from typing import Any, TypeAlias, overload
from uuid import UUID

from pgqueue import operations, transports
from pgqueue.canvas.signature import Signature
from pgqueue.copying import run_at
from pgqueue.describe import shortened
from pgqueue.enqueueing import duplicate
from pgqueue.errors import InvalidCall, PgQueueError
from pgqueue.options import Options, new_job
from pgqueue.publishing import announce, published
from pgqueue.query import Copy, Query
from pgqueue.result import AsyncResult, ResultSource
from pgqueue.rows import NewJob, Placed
from pgqueue.settings import Settings
from pgqueue.signals import after_task_publish
from pgqueue.statements import statement
from pgqueue.task import Task
from pgqueue.unique import RAISE, REPLACE

#: Up to so many jobs, one statement is faster than a copy and the transaction around it. (Medians
#: on PostgreSQL 15, in ms: 1.8 and 2.1 for 32 jobs, 4.2 and 4.2 for 96, 37 and 29 for 1,000.)
FEW = 100
#: Jobs that are gathered before they are sent; in one copy that takes them as they come.
BATCH, COPY = 1_000, 10_000
#: Text of payloads that is kept in memory at once, in characters.
MAX_TEXT = 8_000_000
#: Jobs that are due later than this are found by the sleepers themselves.
SOON = timedelta(seconds=2)

_Task: TypeAlias = Task[Any, Any] | str
_Args: TypeAlias = list[Any] | tuple[Any, ...]
#: A call: a signature, or a task (or its name) with args, kwargs and options.
ManyCall: TypeAlias = (
    Signature[Any]
    | tuple[_Task]
    | tuple[_Task, _Args]
    | tuple[_Task, _Args, Mapping[str, Any]]
    | tuple[_Task, _Args, Mapping[str, Any], Options]
)
#: What the parts of a tuple are that are left out; the task never is.
_LEFT_OUT: tuple[Any, ...] = (None, (), {}, {})
#: What is to be done one after the other; each step is answered with what was read.
Steps = Generator[Query[Any] | Copy, Any, None]
#: A job, and the calls with its unique key that it is made of.
OnePerKey: TypeAlias = tuple[NewJob, list[NewJob]]


class Enqueued(Sequence[AsyncResult[Any]]):
    """The handles of many jobs in the order of their calls, each made when it is asked for."""

    def __init__(
        self, ids: bytearray, database: ResultSource, existing: Collection[int] = ()
    ) -> None:
        self._ids = ids
        self._database = database
        self._existing = existing

    def __len__(self) -> int:
        return len(self._ids) // 16

    @overload
    def __getitem__(self, index: int) -> AsyncResult[Any]: ...

    @overload
    def __getitem__(self, index: slice) -> list[AsyncResult[Any]]: ...

    def __getitem__(self, index: int | slice) -> AsyncResult[Any] | list[AsyncResult[Any]]:
        if isinstance(index, slice):
            return [self[each] for each in range(*index.indices(len(self)))]
        place = range(len(self))[index]
        id_ = UUID(bytes=bytes(self._ids[place * 16 : place * 16 + 16]))
        result: AsyncResult[Any] = AsyncResult(id_, self._database)
        if place in self._existing:
            result.existing = True
        return result

    def __repr__(self) -> str:
        return f"<{len(self):,} jobs>"


class MadeInPlace(Enqueued):
    """The handles of many calls that were made in place."""

    def __init__(self, results: Sequence[AsyncResult[Any]]) -> None:
        self._results = results

    def __len__(self) -> int:
        return len(self._results)

    @overload
    def __getitem__(self, index: int) -> AsyncResult[Any]: ...

    @overload
    def __getitem__(self, index: slice) -> list[AsyncResult[Any]]: ...

    def __getitem__(self, index: int | slice) -> AsyncResult[Any] | list[AsyncResult[Any]]:
        return list(self._results[index]) if isinstance(index, slice) else self._results[index]


class Stream:
    """Jobs on their way to the database; remembers their ids and whom they wake."""

    def __init__(self, jobs: Iterable[NewJob]) -> None:
        self.ids = bytearray()
        #: The places of those jobs that were there before.
        self.existing: set[int] = set()
        #: The places of calls with unique keys that are under way, by the id that each was given.
        self._unique: dict[str, int] = {}
        self._wake: set[str] = set()
        #: Where jobs have been copied to, which asks nobody whether there is room.
        self._copied_to: set[str] = set()
        #: Those that are to be told of when they have been sent.
        self._untold: list[NewJob] = []
        self._jobs: Iterator[NewJob] = map(self._note, jobs)
        self._ended = False
        self.first = list(self._next(FEW + 1))
        #: Whether one statement does it.
        self.is_small = self._ended and not self._unique

    def at_once(self) -> Query[set[str]]:
        """Return the one statement that does it."""
        return operations.enqueue_many(self.first, wake=True)

    def steps(self, *, copies: bool, own: bool) -> Steps:
        """Yield what is to be done, in one transaction.

        `own`: whether the connection is ours alone, so that it can be sent to while the caller's
        generator is still asked for the next job, which may itself need the caller's connection.
        """
        few, self._jobs, self.first = self._ended, chain(self.first, self._jobs), []
        self._ended = False
        while not self._ended:
            if copies and not few:
                jobs = self._next(COPY) if own else iter(list(self._next(BATCH)))
                now = yield operations.moment()
                rest: list[NewJob] = []
                yield operations.copy_jobs(self._copied(jobs, now, rest), now)
            else:
                rest = list(self._next(BATCH))
            if plain := [job for job in rest if job.unique is None]:
                self._wake |= yield operations.enqueue_many(plain, wake=False)
            if unique := one_per_key([job for job in rest if job.unique]):
                placed = yield operations.enqueue_unique([job for job, _ in unique])
                self._found(unique, placed)
            self.tell()
        if self._copied_to:
            yield operations.admit(self._copied_to)
        if self._wake:
            # Last: who looks at the gate early may look before a worker lies down.
            yield operations.wake(self._wake)

    def _next(self, limit: int) -> Iterator[NewJob]:
        size = 0
        for _ in range(limit):
            job = next(self._jobs, None)
            if job is None:
                self._ended = True
                return
            yield job
            size += len(job.args) + len(job.kwargs)
            if size > MAX_TEXT:
                return

    def tell(self) -> None:
        """Send `after_task_publish` for the jobs that have been sent."""
        told, self._untold = self._untold, []
        for job in told:
            published(job)

    def _found(self, unique: Sequence[OnePerKey], placed: Sequence[Placed]) -> None:
        """Note which jobs stand for the calls with unique keys; raises `DuplicateJob`."""
        found = {each.id: each for each in placed}
        untold = set()
        for job, calls in unique:
            first = found[str(job.id)]
            for call in calls:
                place = self._unique.pop(str(call.id))
                if not first.existing and call is calls[0]:
                    continue
                if call.unique and call.unique.on_duplicate == RAISE:
                    raise duplicate(call, first.job, f"enqueue_many, item {place}: ")
                self.ids[place * 16 : place * 16 + 16] = UUID(first.job).bytes
                self.existing.add(place)
                untold.add(call.id)
        self._untold = [each for each in self._untold if each.id not in untold]

    def _note(self, job: NewJob) -> NewJob:
        if job.unique is not None:
            self._unique[str(job.id)] = len(self.ids) // 16
        self.ids += job.id.bytes
        if after_task_publish.receivers:
            self._untold.append(job)
        return job

    def _copied(
        self, jobs: Iterable[NewJob], now: datetime, rest: list[NewJob]
    ) -> Iterator[NewJob]:
        """Pass jobs on, but for what no copy can take: ids and keys that may be had, and limits."""
        for job in jobs:
            if job.chosen or job.unique is not None or job.allowance:
                rest.append(job)
                continue
            self._copied_to.add(job.queue)
            if job.notify and job.queue not in self._wake and run_at(job, now) - now < SOON:
                self._wake.add(job.queue)
            yield job


def one_per_key(jobs: Sequence[NewJob]) -> list[OnePerKey]:
    """Return the jobs to send of calls with unique keys, each with the calls that it stands for.

    The first call makes the job, as if they came one by one; a last one that replaces says what it
    is to do.
    """
    calls: dict[str, list[NewJob]] = {}
    for job in jobs:
        assert job.unique
        calls.setdefault(job.unique.key, []).append(job)
    return [(_as_said_last(same), same) for same in calls.values()]


def _as_said_last(calls: Sequence[NewJob]) -> NewJob:
    said = calls[0]
    for call in calls[1:]:
        if call.unique and call.unique.on_duplicate == REPLACE:
            said = call._replace(id=said.id, chosen=said.chosen)
    return said


def send(stream: Stream, connection: Any, schema: str, *, own: bool) -> None:
    """Send a stream of jobs on a sync connection, which is in a transaction."""
    copy = transports.copier(connection)
    steps = stream.steps(copies=copy is not None, own=own)
    step = next(steps, None)
    while step is not None:
        if isinstance(step, Copy):
            assert copy
            answer: Any = None
            copy(statement(step.name, schema), step.blocks)
        else:
            answer = transports.run(connection, step, schema)
        step = _following(steps, answer)


async def asend(stream: Stream, connection: Any, schema: str, *, own: bool) -> None:
    """Send a stream of jobs on an async connection, which is in a transaction."""
    copy = transports.acopier(connection)
    steps = stream.steps(copies=copy is not None, own=own)
    step = next(steps, None)
    while step is not None:
        if isinstance(step, Copy):
            assert copy
            answer: Any = None
            await copy(statement(step.name, schema), step.blocks)
        else:
            answer = await transports.arun(connection, step, schema)
        step = _following(steps, answer)


def _following(steps: Steps, answer: Any) -> Query[Any] | Copy | None:
    try:
        return steps.send(answer)
    except StopIteration:
        return None


def jobs(calls: Iterable[ManyCall], conf: Settings) -> Iterator[NewJob]:
    """Yield the job of each call; an error names the number of the call, from 0 on."""
    for number, call in enumerate(calls):
        try:
            yield announce(_job(call, conf))
        except PgQueueError as error:
            raise type(error)(f"enqueue_many, item {number}: {error}") from error


def _job(call: object, conf: Settings) -> NewJob:
    if isinstance(call, Signature):
        return call.job()
    if not isinstance(call, (tuple, list)) or not 1 <= len(call) <= len(_LEFT_OUT):
        raise InvalidCall(
            f"{shortened(call)}: give a signature, or (task, args, kwargs, options) of which the "
            "last ones may be left out"
        )
    given: tuple[Any, ...] = tuple(call)
    task, args, kwargs, options = given + _LEFT_OUT[len(given) :]
    if not isinstance(args, (list, tuple)):
        raise InvalidCall(f"args={shortened(args)}: give a list or tuple")
    for name, value in (("kwargs", kwargs), ("options", options)):
        if not isinstance(value, (dict, Mapping)):  # a dict first: an abstract class is slow to ask
            raise InvalidCall(f"{name}={shortened(value)}: give a dict")
    if isinstance(task, Task):
        return task.job(args, kwargs, options)
    if isinstance(task, str):
        return new_job(task, args, kwargs, conf.routed(task, args, kwargs, options))
    raise InvalidCall(f"{shortened(task)}: give a task, or the name of one")
