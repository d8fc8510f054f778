"""The application: a registry of tasks, and the database to enqueue them in."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Coroutine, Sequence
from importlib import import_module
from typing import Any, Literal, ParamSpec, TypeVar, Unpack, cast, overload

from pgqueue.client import Client
from pgqueue.errors import ConfigurationError, UnknownTask
from pgqueue.options import TaskOptions, checked_options
from pgqueue.signals import Signal, import_modules
from pgqueue.statements import DEFAULT_SCHEMA
from pgqueue.task import AsyncTask, BoundDecorator, Decorator, Task

P = ParamSpec("P")
R = TypeVar("R")


class PgQueue(Client):
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
        super().__init__(
            dsn=dsn, schema=schema, listen_dsn=listen_dsn, max_connections=max_connections
        )
        self.name = name
        self.include = tuple(include)
        self.tasks: dict[str, Task[Any, Any]] = {}
        self.on_after_configure = Signal("on_after_configure", "source")
        self.on_after_finalize = Signal("on_after_finalize")

    def __repr__(self) -> str:
        return f"<PgQueue {self.name}: {len(self.tasks)} tasks>"

    @overload
    def task(self, function: Callable[P, Coroutine[Any, Any, R]], /) -> AsyncTask[P, R]: ...

    @overload
    def task(self, function: Callable[P, R], /) -> Task[P, R]: ...

    @overload
    def task(self, *, bind: Literal[True], **options: Unpack[TaskOptions]) -> BoundDecorator: ...

    @overload
    def task(
        self, *, bind: Literal[False] = False, **options: Unpack[TaskOptions]
    ) -> Decorator: ...

    def task(  # type: ignore[misc] # (mypy does not match Unpack with **options: Any)
        self,
        function: Callable[..., Any] | None = None,
        /,
        *,
        bind: bool = False,
        **options: Any,
    ) -> Any:
        """Register a function, sync or async, as a task; see `TaskOptions` for the options.

        With `bind` the function gets the task as its first argument, `self`.
        """
        checked = checked_options(cast(TaskOptions, options))

        def register(function: Callable[..., Any]) -> Task[Any, Any]:
            kind = AsyncTask if inspect.iscoroutinefunction(function) else Task
            return self._register(kind(function, self, bind=bind, **checked))

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
        self.on_after_configure.send(sender=self, source=getattr(self, "conf", None))
        import_modules.send(sender=self)
        for module in self.include:
            import_module(module)
        self.on_after_finalize.send(sender=self)


def _place(task: Task[Any, Any]) -> str:
    code = getattr(task.function, "__code__", None)
    return f"{code.co_filename}:{code.co_firstlineno}" if code else repr(task.function)
