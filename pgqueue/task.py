"""A registered task: the function, and how it is enqueued."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import (
    Any,
    Generic,
    ParamSpec,
    Protocol,
    TypeVar,
    Unpack,
    cast,
)
from uuid import UUID

from pgqueue.canvas.repeated import chunks, xmap, xstarmap
from pgqueue.canvas.signature import Signature
from pgqueue.codec import encode
from pgqueue.declaring import (
    Plan,
    TaskOptions,
    annotations_of,
    from_plan,
    from_settings,
    plan_of,
)
from pgqueue.enqueueing import aenqueue, enqueue
from pgqueue.errors import InvalidCall
from pgqueue.identifiers import uuid7
from pgqueue.limits import Limits
from pgqueue.models import Models
from pgqueue.options import Options, in_its_family, new_job, said, zone_of
from pgqueue.result import AsyncResult, ResultSource
from pgqueue.retry import RetryPolicy
from pgqueue.rows import NewJob
from pgqueue.running import Running
from pgqueue.settings import Settings

P = ParamSpec("P")
R = TypeVar("R")


class Home(ResultSource, Protocol):
    """What a task is registered with."""

    @property
    def conf(self) -> Settings:
        """The settings."""
        ...


#: What a plan is made of besides settings.
_PLANNED = {*TaskOptions.__annotations__, "run"}


class Task(Running, Generic[P, R]):
    """A task of an application: call it like the function, or enqueue it with `delay`.

    With `bind=True` the function gets this object as its first argument `self`. A class of your
    own, given as `base=`, or with a `run` method and registered by `app.register_task`, may have
    options as attributes and override `__call__` and the handlers. There is one object per process.

    >>> from pgqueue import PgQueue
    >>> class Mailing(Task):
    ...     queue = "mail"
    ...     def run(self, to: str) -> str:
    ...         return f"{self.name} to {to}"
    >>> mailing = PgQueue("shop").register_task(Mailing(), name="shop.mailing")
    >>> mailing("ann"), mailing.queue, mailing.max_retries
    ('shop.mailing to ann', 'mail', 3)
    """

    #: The options, as `TaskOptions` says them; those of the settings if they are nobody's own.
    bind: bool = False
    queue: str = from_plan("queue")
    priority: int = from_plan("priority")
    expires: float | None = None
    time_limit: float | None = from_settings("task_time_limit")
    soft_time_limit: float | None = from_settings("task_soft_time_limit")
    max_retries: int | None = 3
    default_retry_delay: float = 180.0
    autoretry_for: Sequence[type[BaseException]] = ()
    dont_autoretry_for: Sequence[type[BaseException]] = ()
    retry_backoff: bool | float = False
    retry_backoff_max: float = 600.0
    retry_jitter: bool = True
    retry_kwargs: Mapping[str, Any] = MappingProxyType({})
    rate_limit: str | float | None = from_settings("task_default_rate_limit")
    rate_burst: int = 1
    rate_key: str | None = None
    max_concurrency: int | None = None
    concurrency_key: str | None = None
    fair: bool = False
    ignore_result: bool = from_settings("task_ignore_result")
    store_errors_even_if_ignored: bool = from_settings("task_store_errors_even_if_ignored")
    track_started: bool = from_settings("task_track_started")
    acks_late: bool | None = from_settings("task_acks_late")
    reject_on_worker_lost: bool | None = from_settings("task_reject_on_worker_lost")
    serializer: str = "json"
    throws: Sequence[type[BaseException]] = ()
    typing: bool = True
    pydantic: bool = False
    pydantic_strict: bool = False
    pydantic_context: Mapping[str, Any] | None = None
    pydantic_dump_kwargs: Mapping[str, Any] | None = None
    unique: bool | Sequence[str] | None = None
    unique_key: str | None = None
    unique_until: str | None = None
    unique_for: float | None = None
    on_duplicate: str | None = None

    #: What a job runs: the function, or the method of a class of tasks.
    run: Callable[..., Any]
    #: What was decorated, as it was.
    function: Callable[..., Any]
    database: Home
    is_async: bool
    _signature: inspect.Signature
    _arity: range
    _plan: Plan | None = None
    _limits: Limits | None = None
    _models: Models | None = None

    def __call__(self, /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run the task here and now, without a job."""
        result: R = self.run(*args, **kwargs)
        return result

    def __repr__(self) -> str:
        return f"<task {getattr(self, 'name', None) or type(self).__qualname__}>"

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        if name in _PLANNED:
            self.__dict__.pop("_plan", None)

    def __delattr__(self, name: str) -> None:
        super().__delattr__(name)
        if name in _PLANNED:
            self.__dict__.pop("_plan", None)

    # ── what it is like ──────────────────────────────────────────────────────────────────────

    @property
    def plan(self) -> Plan:
        """What its jobs are like now, by its options and the settings."""
        plan = self._plan
        if plan is None or plan.version != self.database.conf.version:
            plan = self._replan()
        return plan

    @property
    def policy(self) -> RetryPolicy:  # type: ignore[override] # (nobody sets it)
        """How its failed attempts are followed up."""
        return self.plan.policy

    @property
    def limits(self) -> Limits:
        """How long its runs may take, as far as it says that itself; or what was set instead."""
        return self.plan.limits if self._limits is None else self._limits

    @limits.setter
    def limits(self, limits: Limits) -> None:
        self._limits = limits

    def _replan(self) -> Plan:
        conf = self.database.conf
        for name, value in annotations_of(self.name, self, conf.task_annotations).items():
            if inspect.isfunction(value):  # a handler, which is looked for in the class
                setattr(type(self), name, value)
            else:
                self.__dict__[name] = value
        self._plan = plan = plan_of(self, conf)
        return plan

    # ── handlers, for classes to override ────────────────────────────────────────────────────

    def before_start(self, task_id: str, args: Any, kwargs: Any) -> None:
        """Before it runs, in the worker."""

    def on_success(self, retval: Any, task_id: str, args: Any, kwargs: Any) -> None:
        """After it has succeeded."""

    def on_retry(
        self, exc: BaseException, task_id: str, args: Any, kwargs: Any, einfo: Any
    ) -> None:
        """After an attempt that is followed by another one."""

    def on_failure(
        self, exc: BaseException, task_id: str, args: Any, kwargs: Any, einfo: Any
    ) -> None:
        """After it has failed for good."""

    def after_return(
        self, status: str, retval: Any, task_id: str, args: Any, kwargs: Any, einfo: Any
    ) -> None:
        """After all of that; `status` is Celery's name of the state."""

    # ── enqueueing ───────────────────────────────────────────────────────────────────────────

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
        if options.get("link") or options.get("link_error"):
            return self.s(*args or (), **kwargs or {}).apply(throw=throw, **options)
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
        if options.get("link") or options.get("link_error"):
            return await self.s(*args or (), **kwargs or {}).aapply(throw=throw, **options)
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
        if self.typing and (kwargs or len(args) + before not in self._arity):
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
        id: UUID | None = None,  # noqa: A002 (what it is)
    ) -> NewJob:
        """Return the job that a call means, checked, without enqueueing it.

        `before`: how many arguments will be put before these, when it is released; None: whether
        they fit is not asked. `id` is used if the options choose none.
        """
        plan = self._plan
        if plan is None or plan.version != self.database.conf.version:
            plan = self._replan()
        if before is not None and (kwargs or len(args) + before not in self._arity):
            self.check(args, kwargs, before)
        if self._models is not None:
            args, kwargs = self._models.dumped(args, kwargs)
        if plan.routes is not None:
            route = plan.routes.route(self.name, args, kwargs, {**plan.own, **options}, self)
            merged = said({**plan.floor, **route, **plan.own}, options)
            return self._new_job(args, kwargs, merged, options)
        if not options and not plan.unique:  # most calls: what it has itself is checked already
            job = NewJob(
                id or uuid7(),
                self.name,
                encode(list(args), at="args"),
                encode(dict(kwargs), at="kwargs") if kwargs else "{}",
                plan.queue,
                plan.priority,
                plan.max_attempts,
                expires_in=plan.expires,
                allowance=plan.allowance,
            )
            return in_its_family(job)
        return self._new_job(args, kwargs, said(plan.defaults, options), options)

    def _new_job(
        self,
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
        merged: Mapping[str, Any],
        options: Mapping[str, Any],
    ) -> NewJob:
        zone = zone_of(self.database, options)
        job = new_job(self.name, args, kwargs, merged, zone, lambda: self._named(args, kwargs))
        allowance = self.plan.allowance
        return job._replace(allowance=allowance) if allowance else job

    def _named(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """Return the arguments of a call by the names of the parameters, defaults among them."""
        try:
            bound = self._signature.bind(*args, **kwargs)
        except TypeError as error:
            raise InvalidCall(
                f"{self.name}{self._signature}: {error}; nothing was enqueued"
            ) from None
        bound.apply_defaults()
        named = dict(bound.arguments)
        for name, parameter in self._signature.parameters.items():
            if parameter.kind is parameter.VAR_KEYWORD:
                named |= named.pop(name)
        return named

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
        if self.plan.eager:
            return self.database.apply(self, job)
        return enqueue(self.database, job, connection)

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
        if self.plan.eager:
            return await self.database.aapply(self, job)
        return await aenqueue(self.database, job, connection)


class AsyncTask(Task[P, R]):
    """A task whose function is `async def`: a call returns a coroutine, a job's result is R."""

    def __call__(  # type: ignore[override] # (what to do with a task, one asks of its class)
        self, /, *args: P.args, **kwargs: P.kwargs
    ) -> Coroutine[Any, Any, R]:
        """Return the function's coroutine, without a job."""
        return cast(Coroutine[Any, Any, R], super().__call__(*args, **kwargs))


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
