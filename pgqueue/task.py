"""A registered task: the function, and how it is enqueued."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from functools import update_wrapper
from pathlib import Path
from typing import (
    Any,
    Concatenate,
    Generic,
    ParamSpec,
    Protocol,
    TypeVar,
    Unpack,
    cast,
    overload,
)

from pgqueue import operations
from pgqueue.canvas.repeated import chunks, xmap, xstarmap
from pgqueue.canvas.signature import Signature
from pgqueue.codec import encode
from pgqueue.errors import InvalidCall, UsageError
from pgqueue.identifiers import uuid7
from pgqueue.limits import NO_LIMITS, Limits
from pgqueue.options import (
    Options,
    checked_name,
    checked_priority,
    checked_seconds,
    given,
    max_attempts,
    new_job,
    zone_of,
)
from pgqueue.publishing import aannounce, announce, apublished, published
from pgqueue.result import AsyncResult, ResultSource
from pgqueue.retry import RetryPolicy
from pgqueue.rows import NewJob
from pgqueue.running import Running

P = ParamSpec("P")
R = TypeVar("R")


class Task(Running, Generic[P, R]):
    """A task of an application: call it like the function, or enqueue it with `delay`.

    With `bind=True` the function gets this object as its first argument `self`.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        database: ResultSource,
        *,
        name: str | None = None,
        bind: bool = False,
        queue: str = "default",
        priority: int = 0,
        expires: float | None = None,
        policy: RetryPolicy | None = None,
        limits: Limits = NO_LIMITS,
    ) -> None:
        self.function = function
        self.database = database
        self.name = checked_name("task", name or f"{_module_name(function)}.{function.__name__}")
        self.bind = bind
        self.queue = checked_name("queue", queue)
        self.priority = checked_priority(priority)
        self.expires = None if expires is None else checked_seconds("expires", expires)
        self.policy = policy or RetryPolicy()
        self.limits = limits
        self.is_async = inspect.iscoroutinefunction(function)
        self._signature = _signature(function, bind)
        #: The numbers of arguments that fit if all are given by position.
        self._arity = _arity(self._signature)
        update_wrapper(self, function, updated=())  # its attributes would take the place of ours

    def __call__(self, /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run the function here and now, without a job."""
        result: R = (
            self.function(self, *args, **kwargs) if self.bind else self.function(*args, **kwargs)
        )
        return result

    def __repr__(self) -> str:
        return f"<task {self.name}>"

    def delay(self, *args: P.args, **kwargs: P.kwargs) -> AsyncResult[R]:
        """Enqueue a job with these arguments, in the transaction of the block that this is in.

        Such blocks are `app.bind(conn)`, `app.transaction()` and `self.transaction()`; outside of
        them it is enqueued at once, on a connection of the application's own. Raises `InvalidCall`
        if the arguments do not fit the signature and `InvalidPayload` if JSON cannot hold them;
        nothing is sent then.
        """
        return self._send(args, kwargs, {}, None)

    async def adelay(self, *args: P.args, **kwargs: P.kwargs) -> AsyncResult[R]:
        """Enqueue like `delay`, from a coroutine."""
        return await self._asend(args, kwargs, {}, None)

    def using(self, connection: Any = None, **options: Unpack[Options]) -> Call[P, R]:
        """Return the task with a connection and options to be enqueued with.

        `task.using(conn, countdown=60).delay(42)` inserts the job in the transaction that `conn`
        is in: when that rolls back, the job never existed. `conn` is a connection of psycopg (or a
        cursor), asyncpg, SQLAlchemy (or a session), psycopg2, or an alias of Django's DATABASES;
        sync for `delay`, async for `adelay`, which takes Django's too. Without one, it is as for
        `delay`. Raises `UsageError` at `delay` for anything else.
        """
        return Call(self, connection, options)

    def s(self, *args: Any, **kwargs: Any) -> Signature[R]:
        """Return the call with these arguments as a value, to be enqueued later or in bulk."""
        return Signature(self, args, kwargs)

    def si(self, *args: Any, **kwargs: Any) -> Signature[R]:
        """Return the call as a value that takes no more arguments."""
        return Signature(self, args, kwargs, immutable=True)

    def signature(
        self,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        *,
        immutable: bool = False,
        **options: Unpack[Options],
    ) -> Signature[R]:
        """Return the call with these arguments and options as a value, in Celery's form."""
        return Signature(self, args, kwargs, options, immutable=immutable)

    def apply_async(
        self,
        args: Sequence[Any] | None = None,
        kwargs: Mapping[str, Any] | None = None,
        *,
        connection: Any = None,
        **options: Unpack[Options],
    ) -> AsyncResult[R]:
        """Enqueue with options, in Celery's form; `connection` as in `using`."""
        return self._send(args or (), kwargs or {}, options, connection)

    async def aapply_async(
        self,
        args: Sequence[Any] | None = None,
        kwargs: Mapping[str, Any] | None = None,
        *,
        connection: Any = None,
        **options: Unpack[Options],
    ) -> AsyncResult[R]:
        """Enqueue like `apply_async`, from a coroutine."""
        return await self._asend(args or (), kwargs or {}, options, connection)

    def apply(
        self,
        args: Sequence[Any] | None = None,
        kwargs: Mapping[str, Any] | None = None,
        *,
        throw: bool | None = None,
        retries: int = 0,
        **options: Unpack[Options],
    ) -> AsyncResult[R]:
        """Run the task here and now, as a worker would, and return its `EagerResult`.

        Nothing is enqueued, and no database is needed. Arguments and result go through JSON; the
        attempts that follow a retry are made at once, `retries` is how many there are said to have
        been. With `throw` (else the setting `task_eager_propagates`) what the task raises is raised
        here; without it the result holds it. An async task runs in an event loop of its own; in a
        coroutine, use `aapply`.
        """
        job = self.job(args or (), kwargs or {}, options)
        return self.database.apply(self, job, retries=retries, throw=throw)

    async def aapply(
        self,
        args: Sequence[Any] | None = None,
        kwargs: Mapping[str, Any] | None = None,
        *,
        throw: bool | None = None,
        retries: int = 0,
        **options: Unpack[Options],
    ) -> AsyncResult[R]:
        """Run the task here and now, on the running event loop."""
        job = self.job(args or (), kwargs or {}, options)
        return await self.database.aapply(self, job, retries=retries, throw=throw)

    def map(self, it: Iterable[Any]) -> xmap:
        """Return one job that calls the task with each item; its result is the list of results."""
        return xmap(self.s(), it)

    def starmap(self, it: Iterable[Sequence[Any]]) -> xstarmap:
        """Return one job that calls the task with the arguments of each item."""
        return xstarmap(self.s(), it)

    def chunks(self, it: Iterable[Sequence[Any]], n: int) -> chunks:
        """Return a group of jobs, each of which calls the task with n items' arguments.

        `it` is read once; `.group()` is the group, called it returns a `GroupResult`.
        """
        return chunks(self.s(), it, n)

    def check(self, args: Sequence[Any], kwargs: Mapping[str, Any], before: int = 0) -> None:
        """Raise `InvalidCall` if these arguments, and so many before them, do not fit."""
        if kwargs or len(args) + before not in self._arity:
            try:
                self._signature.bind(*(None,) * before, *args, **kwargs)
            except TypeError as error:
                raise InvalidCall(
                    f"{self.name}{self._signature}: {error}; nothing was enqueued"
                ) from None

    def job(
        self,
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
        options: Mapping[str, Any],
        before: int | None = 0,
    ) -> NewJob:
        """Return the job that a call means, checked, without enqueueing it.

        `before`: how many arguments will be put before these, when it is released; None: whether
        they fit is not asked.
        """
        if before is not None and (kwargs or len(args) + before not in self._arity):
            self.check(args, kwargs, before)
        if not options:  # most calls: what the task itself has is checked already
            return NewJob(
                uuid7(),
                self.name,
                encode(list(args), at="args"),
                encode(dict(kwargs), at="kwargs") if kwargs else "{}",
                self.queue,
                self.priority,
                max_attempts(self.policy.max_retries),
                expires_in=self.expires,
            )
        defaults = {
            "queue": self.queue,
            "priority": self.priority,
            "max_retries": self.policy.max_retries,
            "expires": self.expires,
        }
        return new_job(self.name, args, kwargs, given(options, defaults), zone_of(self.database))

    def _send(
        self,
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
        options: Mapping[str, Any],
        connection: Any,
    ) -> AsyncResult[R]:
        if options.get("link") or options.get("link_error"):
            signature: Signature[R] = Signature(self, args, kwargs)
            return signature.apply_async(connection=connection, **cast(Options, options))
        job = self.job(args, kwargs, options)
        if self.database.always_eager:
            return self.database.apply(self, job)
        job = announce(job)
        self.database.run(operations.enqueue(job), self.database.bound(connection))
        published(job)
        return AsyncResult(job.id, self.database)

    async def _asend(
        self,
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
        options: Mapping[str, Any],
        connection: Any,
    ) -> AsyncResult[R]:
        if options.get("link") or options.get("link_error"):
            signature: Signature[R] = Signature(self, args, kwargs)
            return await signature.aapply_async(connection=connection, **cast(Options, options))
        job = self.job(args, kwargs, options)
        if self.database.always_eager:
            return await self.database.aapply(self, job)
        job = await aannounce(job)
        await self.database.arun(operations.enqueue(job), self.database.bound(connection))
        await apublished(job)
        return AsyncResult(job.id, self.database)


class AsyncTask(Task[P, R]):
    """A task whose function is `async def`: a call returns a coroutine, a job's result is R."""

    def __call__(  # type: ignore[override] # (what to do with a task, one asks of its class)
        self, /, *args: P.args, **kwargs: P.kwargs
    ) -> Coroutine[Any, Any, R]:
        """Return the function's coroutine, without a job."""
        return cast(Coroutine[Any, Any, R], super().__call__(*args, **kwargs))


class Decorator(Protocol):
    """What `@app.task(...)` with options is."""

    @overload
    def __call__(self, function: Callable[P, Coroutine[Any, Any, R]], /) -> AsyncTask[P, R]: ...
    @overload
    def __call__(self, function: Callable[P, R], /) -> Task[P, R]: ...


class BoundDecorator(Protocol):
    """What `@app.task(bind=True)` is: it takes the function's first parameter away."""

    @overload
    def __call__(
        self, function: Callable[Concatenate[Any, P], Coroutine[Any, Any, R]], /
    ) -> AsyncTask[P, R]: ...
    @overload
    def __call__(self, function: Callable[Concatenate[Any, P], R], /) -> Task[P, R]: ...


class Call(Generic[P, R]):
    """A task with a connection and options; made by `Task.using`."""

    def __init__(self, task: Task[P, R], connection: Any, options: Options) -> None:
        self._task = task
        self._connection = connection
        self._options = options

    def delay(self, *args: P.args, **kwargs: P.kwargs) -> AsyncResult[R]:
        """Enqueue a job with these arguments."""
        return self._task._send(args, kwargs, self._options, self._connection)  # noqa: SLF001 (its other half)

    async def adelay(self, *args: P.args, **kwargs: P.kwargs) -> AsyncResult[R]:
        """Enqueue a job with these arguments, on an async connection."""
        return await self._task._asend(args, kwargs, self._options, self._connection)  # noqa: SLF001 (the same)


def _module_name(function: Callable[..., Any]) -> str:
    if function.__module__ not in ("__main__", "__mp_main__"):
        return function.__module__
    # A task keeps its name whether its module is imported, run (by name or by file), or made the
    # main module of a process that multiprocessing spawns.
    main = sys.modules[function.__module__]
    if spec := getattr(main, "__spec__", None):
        return str(spec.name)
    file = getattr(main, "__file__", None)
    return Path(file).stem if file else "__main__"


def _arity(signature: inspect.Signature) -> range:
    parameters = list(signature.parameters.values())
    by_position = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    required = sum(p.default is p.empty for p in by_position)
    if any(p.kind is p.KEYWORD_ONLY and p.default is p.empty for p in parameters):
        return range(0)
    if any(p.kind is p.VAR_POSITIONAL for p in parameters):
        return range(required, sys.maxsize)
    return range(required, len(by_position) + 1)


def _signature(function: Callable[..., Any], bind: bool) -> inspect.Signature:
    signature = inspect.signature(function)
    if not bind:
        return signature
    parameters = list(signature.parameters.values())
    if not parameters:
        raise UsageError(f"{function.__qualname__}: bind=True needs a first parameter, self")
    return signature.replace(parameters=parameters[1:])
