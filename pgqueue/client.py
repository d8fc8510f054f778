"""What an application asks of its database: enqueueing, results, and its connections."""

from __future__ import annotations

import os
import threading
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import asynccontextmanager, contextmanager
from typing import Any, TypeVar, Unpack
from uuid import UUID

from pgqueue import bulk, eager, transports
from pgqueue.binding import Binding
from pgqueue.bulk import Enqueued, MadeInPlace, ManyCall, Stream, jobs
from pgqueue.canvas.signature import Signature
from pgqueue.config import find_dsn
from pgqueue.control import Control
from pgqueue.database import Pools
from pgqueue.eager_result import EagerResult
from pgqueue.enqueueing import aenqueue, enqueue
from pgqueue.errors import UnknownTask
from pgqueue.forks import FORKS
from pgqueue.options import Options, new_job, zone_of
from pgqueue.query import Query
from pgqueue.result import AsyncResult
from pgqueue.rows import NewJob, Outcome
from pgqueue.settings import Settings
from pgqueue.statements import DEFAULT_SCHEMA, checked_schema
from pgqueue.task import Task
from pgqueue.waiting import ResultWaiter

T = TypeVar("T")


class Client:
    """The half of an application that needs no tasks; see `PgQueue` for its parameters."""

    def __init__(
        self,
        *,
        dsn: str | None = None,
        schema: str = DEFAULT_SCHEMA,
        listen_dsn: str | None = None,
        max_connections: int = 10,
    ) -> None:
        self.schema = checked_schema(schema)
        self.conf = Settings()
        self._given_dsn = dsn
        self._given_listen_dsn = listen_dsn
        self._max_connections = max_connections
        self._binding = Binding()
        self._lock = threading.Lock()
        self._pools: Pools | None = None
        self._waiter: ResultWaiter | None = None
        FORKS.tell(self, Client._forked)

    def _forked(self) -> None:
        self._lock = threading.Lock()
        self._waiter = None

    # ── enqueueing ───────────────────────────────────────────────────────────────────────────

    def send_task(
        self,
        name: str,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        *,
        connection: Any = None,
        **options: Unpack[Options],
    ) -> AsyncResult[Any]:
        """Enqueue a task by its name, which need not be registered in this process."""
        if options.get("link") or options.get("link_error"):
            signature: Signature[Any] = Signature(name, args, kwargs, app=self)
            return signature.apply_async(connection=connection, **options)
        routed = self.conf.routed(name, args, kwargs, options)
        job = new_job(name, args, kwargs or {}, routed, zone_of(self, options))
        if self.always_eager:
            return self.apply(self._known(name), job)
        return enqueue(self, job, connection)

    async def asend_task(
        self,
        name: str,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        *,
        connection: Any = None,
        **options: Unpack[Options],
    ) -> AsyncResult[Any]:
        """Enqueue a task by its name, from a coroutine."""
        if options.get("link") or options.get("link_error"):
            signature: Signature[Any] = Signature(name, args, kwargs, app=self)
            return await signature.aapply_async(connection=connection, **options)
        routed = self.conf.routed(name, args, kwargs, options)
        job = new_job(name, args, kwargs or {}, routed, zone_of(self, options))
        if self.always_eager:
            return await self.aapply(self._known(name), job)
        return await aenqueue(self, job, connection)

    # ── in place ─────────────────────────────────────────────────────────────────────────────

    @property
    def always_eager(self) -> bool:
        """Whether calls are made in place instead of being enqueued: `task_always_eager`."""
        return bool(self.conf.task_always_eager)

    def apply(
        self, task: Task[Any, Any], job: NewJob, *, retries: int = 0, throw: bool | None = None
    ) -> EagerResult[Any]:
        """Make a call in place; used by `Task.apply`, and by every call if `always_eager`.

        `throw` says whether what the task raises is raised here; None: `task_eager_propagates`.
        """
        result = eager.apply(task, job, retries)
        if self.conf.task_store_eager_result:
            self.run(eager.stored(result))
        if self._propagates if throw is None else throw:
            result.get()
        return result

    async def aapply(
        self, task: Task[Any, Any], job: NewJob, *, retries: int = 0, throw: bool | None = None
    ) -> EagerResult[Any]:
        """Make a call in place, on the running event loop."""
        result = await eager.aapply(task, job, retries)
        if self.conf.task_store_eager_result:
            await self.arun(eager.stored(result))
        if self._propagates if throw is None else throw:
            result.get()
        return result

    @property
    def _propagates(self) -> bool:
        return bool(self.conf.task_eager_propagates)

    def _known(self, name: str) -> Task[Any, Any]:
        tasks: Mapping[str, Task[Any, Any]] = getattr(self, "tasks", {})
        if name not in tasks:
            raise UnknownTask(
                f"no task is named {name!r} here, and task_always_eager makes every call in place: "
                "import the module that has it"
            )
        return tasks[name]

    def enqueue_many(self, calls: Iterable[ManyCall], *, connection: Any = None) -> Enqueued:
        """Enqueue many jobs at once, all of them or none.

        `calls` are signatures, or tuples `(task, args, kwargs, options)` of which the last ones
        may be left out; a task may be given by its name. They may come from a generator: as few
        are kept in memory as are sent together. `connection` as in `Task.using`: there the jobs
        are a part of its transaction, and a bad call undoes only them.

        Returns the handles in the order of the calls, each made when it is asked for. Raises what
        `delay` raises, with the number of the call.

        >>> from pgqueue import PgQueue
        >>> app = PgQueue("shop")
        >>> @app.task
        ... def resize(photo: int, width: int) -> None: ...
        >>> jobs = app.enqueue_many((resize, (photo, 800)) for photo in [])
        >>> len(jobs)
        0
        """
        if self.always_eager:
            made = [(self._known(job.task), job) for job in jobs(calls, self.conf)]
            return MadeInPlace([self.apply(task, job) for task, job in made])
        stream = Stream(jobs(calls, self.conf))
        connection = self.bound(connection)
        if not stream.first:
            pass
        elif stream.is_small:
            self.run(stream.at_once(), connection)
            stream.tell()
        elif connection is None:
            with self.pools.transaction() as own:
                bulk.send(stream, own, self.schema, own=True)
        else:
            with transports.atomic(connection):
                bulk.send(stream, connection, self.schema, own=False)
        return Enqueued(stream.ids, self, stream.existing)

    async def aenqueue_many(self, calls: Iterable[ManyCall], *, connection: Any = None) -> Enqueued:
        """Enqueue many jobs at once, from a coroutine."""
        if self.always_eager:
            made = [(self._known(job.task), job) for job in jobs(calls, self.conf)]
            return MadeInPlace([await self.aapply(task, job) for task, job in made])
        connection = self.bound(connection)
        # Made before it is needed: Django, which has none, is refused however few the jobs are.
        block = None if connection is None else transports.aatomic(connection)
        stream = Stream(jobs(calls, self.conf))
        if not stream.first:
            pass
        elif stream.is_small:
            await self.arun(stream.at_once(), connection)
            stream.tell()
        elif block is None:
            async with self.pools.atransaction() as own:
                await bulk.asend(stream, own, self.schema, own=True)
        else:
            async with block:
                await bulk.asend(stream, connection, self.schema, own=False)
        return Enqueued(stream.ids, self, stream.existing)

    def AsyncResult(self, id: UUID | str) -> AsyncResult[Any]:  # noqa: N802, A002 (Celery's names)
        """Return the handle of a job by its id."""
        return AsyncResult(id, self)

    @property
    def control(self) -> Control:
        """What running workers and unfinished jobs are told; see `Control`."""
        return Control(self)

    # ── the database ─────────────────────────────────────────────────────────────────────────

    @property
    def dsn(self) -> str:
        """The connection string that is used; raises `ConfigurationError` if none is to be had."""
        return find_dsn(self._given_dsn or os.environ.get("PGQUEUE_DSN") or self.conf.dsn)

    @property
    def listen_dsn(self) -> str | None:
        """The connection string for wake-ups, if it is another one."""
        given = self._given_listen_dsn or os.environ.get("PGQUEUE_LISTEN_DSN")
        return given or self.conf.listen_dsn or None

    @property
    def pools(self) -> Pools:
        """The application's own connections."""
        with self._lock:
            if self._pools is None:
                self._pools = Pools(self.dsn, self.schema, self._max_connections)
            return self._pools

    def run(self, query: Query[T], connection: Any = None) -> T:
        """Run a query on the given sync connection, or on one of the pool."""
        if connection is not None:
            return transports.run(connection, query, self.schema)
        return self.pools.run(query)

    async def arun(self, query: Query[T], connection: Any = None) -> T:
        """Run a query on the given async connection, or on one of the pool."""
        if connection is not None:
            return await transports.arun(connection, query, self.schema)
        return await self.pools.arun(query)

    @contextmanager
    def transaction(self) -> Iterator[Any]:
        """Lend a psycopg connection for one transaction, and bind it.

        `with app.transaction() as conn:` commits at the end of the block, and rolls back, together
        with every job enqueued in it, when the block raises.
        """
        with self.pools.transaction() as connection, self.bind(connection):
            yield connection

    @asynccontextmanager
    async def atransaction(self) -> AsyncIterator[Any]:
        """Lend an async psycopg connection for one transaction, and bind it."""
        async with self.pools.atransaction() as connection:
            with self.bind(connection):
                yield connection

    @contextmanager
    def bind(self, connection: T) -> Iterator[T]:
        """Have what is enqueued in the block join the transaction of a connection.

        `with app.bind(conn):` is `using(conn)` for every `delay`, `apply_async`, `send_task` and
        their async twins of this application's tasks; a connection of their own wins. With None
        they are on the application's own pool again. Asking about jobs and waiting for results
        never joins. An asyncio task that begins in the block joins, too, until the block ends; a
        new thread does not. Raises `UsageError` if `connection` is of no kind that `using` takes.
        """
        if connection is not None:
            transports.choose(connection)
        with self._binding.to(connection):
            yield connection

    def bound(self, connection: Any = None) -> Any:
        """Return the connection to enqueue on: the given one, or the one bound in this context."""
        return self._binding.connection if connection is None else connection

    def outcome(self, job: str) -> Future[Outcome]:
        """Return a future of how a job ends; what `AsyncResult.get` waits on."""
        return self.outcomes([job])[0]

    def outcomes(self, jobs: Sequence[str]) -> list[Future[Outcome]]:
        """Return a future of how each of these jobs ends; what `GroupResult.get` waits on."""
        FORKS.notice()
        dsn = self.listen_dsn or self.dsn
        with self._lock:
            if self._waiter is None:
                self._waiter = ResultWaiter(dsn, self.schema)
            return self._waiter.outcomes(jobs)

    def close(self) -> None:
        """Close the pool for threads and stop waiting for results."""
        FORKS.notice()
        with self._lock:
            pools, self._pools = self._pools, None
            waiter, self._waiter = self._waiter, None
        if waiter:
            waiter.close()
        if pools:
            pools.close()

    async def aclose(self) -> None:
        """Close the pool of the running event loop."""
        if self._pools:
            await self._pools.aclose()
