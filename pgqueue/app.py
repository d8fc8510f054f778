"""The application: its tasks, its database, and where both meet."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import asynccontextmanager, contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any, Concatenate, Literal, ParamSpec, TypeVar, Unpack, overload
from uuid import UUID

from pgqueue import operations
from pgqueue.config import find_dsn
from pgqueue.database import Pools
from pgqueue.errors import ConfigurationError, UnknownTask
from pgqueue.operations import Outcome
from pgqueue.options import Options, checked_name, new_job
from pgqueue.query import Query
from pgqueue.result import AsyncResult
from pgqueue.retry import RetryPolicy
from pgqueue.statements import DEFAULT_SCHEMA, checked_schema
from pgqueue.task import Task
from pgqueue.waiting import ResultWaiter

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")


class PgQueue:
    """An application: a registry of tasks and a database to enqueue them in.

    `name` is for people. `dsn` is a libpq connection string or URL; without one, `PGQUEUE_DSN`,
    `DATABASE_URL` or libpq's variables are used when the first connection is needed. `schema` is
    where the tables are. `include` names modules with tasks, imported by workers. `listen_dsn` is
    a direct connection for wake-ups when `dsn` goes through a transaction pooler. `max_connections`
    bounds the pool of this process.

    >>> app = PgQueue("shop")
    >>> @app.task(queue="mail")
    ... def send_welcome(user_id: int) -> str:
    ...     return f"welcomed {user_id}"
    >>> send_welcome(42)
    'welcomed 42'
    """

    def __init__(
        self,
        name: str = "pgqueue",
        *,
        dsn: str | None = None,
        schema: str = DEFAULT_SCHEMA,
        include: Sequence[str] = (),
        listen_dsn: str | None = None,
        max_connections: int = 10,
    ) -> None:
        self.name = name
        self.schema = checked_schema(schema)
        self.include = tuple(include)
        self.tasks: dict[str, Task[Any, Any]] = {}
        self._given_dsn = dsn
        self._given_listen_dsn = listen_dsn
        self._max_connections = max_connections
        self._lock = threading.Lock()
        self._pools: Pools | None = None
        self._waiter: ResultWaiter | None = None
        self._waiter_pid = 0

    def __repr__(self) -> str:
        return f"<PgQueue {self.name}: {len(self.tasks)} tasks>"

    # ── tasks ────────────────────────────────────────────────────────────────────────────────

    @overload
    def task(self, function: Callable[P, R], /) -> Task[P, R]: ...

    @overload
    def task(
        self, *, bind: Literal[True], **options: Any
    ) -> Callable[[Callable[Concatenate[Any, P], R]], Task[P, R]]: ...

    @overload
    def task(
        self, *, bind: Literal[False] = False, **options: Any
    ) -> Callable[[Callable[P, R]], Task[P, R]]: ...

    def task(
        self,
        function: Callable[..., Any] | None = None,
        /,
        *,
        bind: bool = False,
        name: str | None = None,
        queue: str = "default",
        priority: int = 0,
        expires: float | None = None,
        max_retries: int | None = 3,
        default_retry_delay: float = 180.0,
        autoretry_for: Sequence[type[BaseException]] = (),
        dont_autoretry_for: Sequence[type[BaseException]] = (),
        retry_backoff: bool | float = False,
        retry_backoff_max: float = 600.0,
        retry_jitter: bool = True,
    ) -> Any:
        """Register a function, sync or async, as a task.

        `bind`: the function gets the task as `self`. `name`: else the module's and the function's.
        `queue`, `priority`, `expires`: defaults of its jobs. The others are the retry policy, see
        `RetryPolicy`.
        """
        policy = RetryPolicy(
            max_retries=max_retries,
            default_retry_delay=default_retry_delay,
            autoretry_for=tuple(autoretry_for),
            dont_autoretry_for=tuple(dont_autoretry_for),
            retry_backoff=retry_backoff,
            retry_backoff_max=retry_backoff_max,
            retry_jitter=retry_jitter,
        )

        def register(function: Callable[..., Any]) -> Task[Any, Any]:
            task: Task[Any, Any] = Task(
                function,
                self,
                name=name or f"{_module_name(function)}.{function.__name__}",
                bind=bind,
                queue=queue,
                priority=priority,
                expires=expires,
                policy=policy,
            )
            return self._register(task)

        return register if function is None else register(function)

    def _register(self, task: Task[Any, Any]) -> Task[Any, Any]:
        there = self.tasks.get(task.name)
        if there is not None and _place(there) != _place(task):
            raise ConfigurationError(
                f"two tasks are named {task.name!r}: {_place(there)} and {_place(task)}; give one "
                "of them another name="
            )
        self.tasks[task.name] = task
        return task

    def get_task(self, name: str) -> Task[Any, Any]:
        """Return the task that is registered under this name."""
        try:
            return self.tasks[name]
        except KeyError:
            known = ", ".join(sorted(self.tasks)) or "none"
            raise UnknownTask(f"no task is named {name!r}; registered are: {known}") from None

    def import_tasks(self) -> None:
        """Import the modules named by `include`, so that their tasks are registered."""
        for module in self.include:
            import_module(module)

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
        job = new_job(name, args, kwargs or {}, options)
        self.run(operations.enqueue(job), connection)
        return AsyncResult(job.id, self)

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
        job = new_job(name, args, kwargs or {}, options)
        await self.arun(operations.enqueue(job), connection)
        return AsyncResult(job.id, self)

    def AsyncResult(self, id: UUID | str) -> AsyncResult[Any]:  # noqa: N802, A002 (Celery's names)
        """Return the handle of a job by its id."""
        return AsyncResult(id, self)

    # ── the database ─────────────────────────────────────────────────────────────────────────

    @property
    def dsn(self) -> str:
        """The connection string that is used; raises `ConfigurationError` if none is to be had."""
        return find_dsn(self._given_dsn)

    @property
    def listen_dsn(self) -> str | None:
        """The connection string for wake-ups, if it is another one."""
        return self._given_listen_dsn or os.environ.get("PGQUEUE_LISTEN_DSN") or None

    @property
    def pools(self) -> Pools:
        """The application's own connections."""
        with self._lock:
            if self._pools is None:
                self._pools = Pools(self.dsn, self.schema, self._max_connections)
            return self._pools

    def run(self, query: Query[T], connection: Any = None) -> T:
        """Run a query on the given sync connection, or on one of the pool."""
        return self.pools.run(query, connection)

    async def arun(self, query: Query[T], connection: Any = None) -> T:
        """Run a query on the given async connection, or on one of the pool."""
        return await self.pools.arun(query, connection)

    @contextmanager
    def transaction(self) -> Iterator[Any]:
        """Lend a psycopg connection for one transaction.

        `with app.transaction() as conn:` commits at the end of the block, and rolls back, together
        with every job enqueued by `task.using(conn)`, when the block raises.
        """
        with self.pools.transaction() as connection:
            yield connection

    @asynccontextmanager
    async def atransaction(self) -> AsyncIterator[Any]:
        """Lend an async psycopg connection for one transaction."""
        async with self.pools.atransaction() as connection:
            yield connection

    def outcome(self, job: str) -> Future[Outcome]:
        """Return a future of how a job ends; what `AsyncResult.get` waits on."""
        dsn = self.listen_dsn or self.dsn
        with self._lock:
            if self._waiter is None or self._waiter_pid != os.getpid():
                self._waiter = ResultWaiter(dsn, self.schema)
                self._waiter_pid = os.getpid()
            return self._waiter.outcome(job)

    def close(self) -> None:
        """Close the pool for threads and stop waiting for results."""
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


def _module_name(function: Callable[..., Any]) -> str:
    if function.__module__ != "__main__":
        return function.__module__
    # A task keeps its name whether its module is run or imported.
    file = getattr(sys.modules["__main__"], "__file__", None)
    return checked_name("task", Path(file).stem) if file else "__main__"


def _place(task: Task[Any, Any]) -> str:
    code = getattr(task.function, "__code__", None)
    return f"{code.co_filename}:{code.co_firstlineno}" if code else repr(task.function)
