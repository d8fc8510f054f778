"""The application: a registry of tasks, and the database to enqueue them in."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Coroutine, Mapping, Sequence
from datetime import datetime, tzinfo
from importlib import import_module
from typing import Any, Literal, ParamSpec, TypeAlias, TypeVar, Unpack, cast, overload

from pgqueue.apps import APPS
from pgqueue.client import Client
from pgqueue.declaring import WITHOUT_MEANING, TaskOptions, checked_class, checked_declaration
from pgqueue.discovery import Discovery, prepare_django
from pgqueue.errors import ConfigurationError, UnknownTask
from pgqueue.making import BoundDecorator, Decorator, make_task, module_name, settle
from pgqueue.options import checked_name
from pgqueue.periodic import Periodic
from pgqueue.proxy import Proxy
from pgqueue.request import current
from pgqueue.settings import ConfigurationWarning
from pgqueue.signals import Signal, import_modules
from pgqueue.statements import DEFAULT_SCHEMA
from pgqueue.task import AsyncTask, Task

P = ParamSpec("P")
R = TypeVar("R")

#: Under other names, because an application has a `Task` of its own.
AnyTask: TypeAlias = Task[Any, Any]
OneTask: TypeAlias = Task[P, R]
TaskClass: TypeAlias = type[Task[..., Any]]

_BROKER = (
    "PgQueue({name}=…): there is no {what}: jobs and results are in PostgreSQL. Leave it out, and "
    "give dsn=, or set PGQUEUE_DSN"
)


class PgQueue(Client, Periodic):
    """An application: a registry of tasks and a database to enqueue them in.

    `name` (`main` in Celery) is for people. `dsn` is a libpq connection string or URL; without one,
    `PGQUEUE_DSN`, the setting `dsn`, `DATABASE_URL` or libpq's variables are used when the first
    connection is needed. `schema` is where the tables are. `include` names modules with tasks,
    imported by workers. `listen_dsn` is a direct connection for wake-ups when `dsn` goes through a
    transaction pooler. `max_connections` bounds the pool of this process. `config_source` and
    `namespace` are those of `config_from_object`. `task_cls` is the class of its tasks. Unless
    `set_as_current` is False, it becomes the current application. `broker` and `backend` mean
    nothing here, and warn.

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
        main: str | None = None,
        config_source: Any = None,
        namespace: str | None = None,
        task_cls: TaskClass | str | None = None,
        set_as_current: bool = True,
        broker: str | None = None,
        backend: str | None = None,
    ) -> None:
        super().__init__(
            dsn=dsn, schema=schema, listen_dsn=listen_dsn, max_connections=max_connections
        )
        self.name = main or name
        self.include = (include,) if isinstance(include, str) else tuple(include)
        self._tasks: dict[str, AnyTask] = {}
        self._task_cls = task_cls
        self._discoveries: list[Discovery] = []
        self._periodic = {}
        self.on_after_configure = Signal("on_after_configure", "source")
        self.on_after_finalize = Signal("on_after_finalize")
        for what, given in (("broker", broker), ("backend", backend)):
            if given:
                text = _BROKER.format(name=what, what={"backend": "result backend"}.get(what, what))
                warnings.warn(text, ConfigurationWarning, stacklevel=2)
        if config_source is not None:
            self.config_from_object(config_source, namespace=namespace)
        if set_as_current:
            self.set_current()

    def __repr__(self) -> str:
        return f"<PgQueue {self.name}: {len(self._tasks)} tasks>"

    @overload
    def task(self, function: Callable[P, Coroutine[Any, Any, R]], /) -> AsyncTask[P, R]: ...

    @overload
    def task(self, function: Callable[P, R], /) -> OneTask[P, R]: ...

    @overload
    def task(self, *, base: TaskClass, bind: Literal[True], **options: Any) -> BoundDecorator: ...

    @overload
    def task(
        self, *, base: TaskClass, bind: Literal[False] = False, **options: Any
    ) -> Decorator: ...

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
        base: TaskClass | None = None,
        **options: Any,
    ) -> Any:
        """Register a function, sync or async, as a task; see `TaskOptions` for the options.

        With `bind` the function gets the task as its first argument, `self`. `base` is a class of
        yours below `Task`; options that nobody knows are attributes of the task, if it has such.
        """

        def register(function: Callable[..., Any]) -> AnyTask:
            return self._declare(function, base, bind=bind, options=options)

        if function is not None:
            return register(function)
        checked_declaration(options, base or self.Task, of_base=base is not None)
        return register

    def _declare(
        self,
        function: Callable[..., Any],
        base: TaskClass | None,
        *,
        bind: bool,
        options: Mapping[str, Any],
    ) -> AnyTask:
        kind = base or self.Task
        checked_class(kind)
        attributes = checked_declaration(options, kind, of_base=base is not None)
        attributes["name"] = attributes.get("name") or self._name_of(function)
        task = make_task(function, self, kind, bind=bind, **attributes)
        self._remark_on(task.name, options)
        return self._register(task)

    def _remark_on(self, name: str, options: Mapping[str, Any]) -> None:
        for option in WITHOUT_MEANING.keys() & options.keys():
            self.conf.remark(
                f"{option}= of task {name} means nothing here: {WITHOUT_MEANING[option]}"
            )
        if options.get("acks_late") is False:
            self.conf.remark(
                f"acks_late=False of task {name}: a job whose worker is lost runs again here, "
                "always; a task that must not run twice ends its job in self.transaction()"
            )

    def _register(self, task: AnyTask) -> AnyTask:
        there = self._tasks.get(task.name)
        if there is not None and _place(there) != _place(task):
            raise ConfigurationError(
                f"two tasks are named {task.name!r}: {_place(there)} and {_place(task)}; give one "
                "of them another name="
            )
        self._tasks[task.name] = task
        return task

    def gen_task_name(self, name: str, module: str) -> str:
        """Return the name of a task that is declared without one; for subclasses to override.

        `name` is that of the function or class, `module` that of its module, also where it is run
        as the main one.

        >>> PgQueue("shop").gen_task_name("pack", "shop.tasks")
        'shop.tasks.pack'
        """
        return f"{module}.{name}"

    def _name_of(self, function: Callable[..., Any]) -> str:
        return self.gen_task_name(function.__name__, module_name(function))

    def register_task(
        self, task: OneTask[P, R] | type[OneTask[P, R]], *, name: str | None = None
    ) -> OneTask[P, R]:
        """Register a task that is a class of yours, given as its one instance or as the class.

        Its name is `name`, or its attribute `name`, or the module's and the class's.
        """
        made = task() if isinstance(task, type) else task
        if not hasattr(type(made), "run") and type(made).__call__ is Task.__call__:
            raise ConfigurationError(f"{type(made).__qualname__}: give it a method run")
        checked_class(type(made))
        own = name or getattr(made, "name", None) or self._name_of(type(made))
        vars(made)["name"] = checked_name("task", own)
        self._register(settle(made, self))
        return made

    @property
    def Task(self) -> TaskClass:  # noqa: N802 (Celery's name)
        """The class of this application's tasks, to make others of; may be set."""
        if self._task_cls is None or isinstance(self._task_cls, str):
            kind = Task if self._task_cls is None else _class_named(self._task_cls)
            self._task_cls = cast(TaskClass, type("Task", (kind,), {"database": self}))
        return self._task_cls

    @Task.setter
    def Task(self, kind: TaskClass) -> None:  # noqa: N802 (the same)
        self._task_cls = kind

    @property
    def tasks(self) -> dict[str, AnyTask]:
        """The registered tasks by name, shared ones included."""
        if self not in APPS.complete:
            self.finalize()
        return self._tasks

    def finalize(self) -> None:
        """Register the tasks that are shared by all applications; done by itself when needed."""
        APPS.complete.add(self)
        for register in list(APPS.shared):
            register(self)

    # ── which one is meant ───────────────────────────────────────────────────────────────────

    def set_current(self) -> None:
        """Make this the application that `current_app` and shared tasks mean, in every thread."""
        APPS.current = self

    def set_default(self) -> None:
        """Make this the application that is meant where none is current."""
        APPS.default = self

    @property
    def current_task(self) -> AnyTask | None:
        """The task that this code is run by; None outside of a run."""
        request = current.get()
        return None if request is None else self.tasks.get(request.task)

    # ── configuration ────────────────────────────────────────────────────────────────────────

    def config_from_object(
        self,
        obj: Any,
        silent: bool = False,
        force: bool = False,
        namespace: str | None = None,
    ) -> None:
        """Take settings from a module, its name, `module:attribute`, an object or a dict.

        With a `namespace` such as "CELERY" only names like CELERY_TASK_ROUTES count. They are read
        when the first setting is asked for, or at once (`force`); `silent`: a module that is not
        there is no error.

        >>> app = PgQueue("shop")
        >>> app.config_from_object({"task_default_queue": "shop"})
        >>> app.conf.task_default_queue
        'shop'
        """
        self.conf.add_source(obj, namespace=namespace, silent=silent)
        if force:
            len(self.conf)

    def config_from_envvar(
        self, variable_name: str, silent: bool = False, force: bool = False
    ) -> None:
        """Take settings from the module that an environment variable names."""
        module = os.environ.get(variable_name)
        if module:
            self.config_from_object(module, silent=silent, force=force)
        elif not silent:
            raise ConfigurationError(
                f"config_from_envvar({variable_name!r}): that variable is not set; set it to the "
                "name of a module"
            )

    @property
    def timezone(self) -> tzinfo:
        """The time zone of schedules, and of times without one; see the setting `timezone`."""
        return self.conf.zone

    def now(self) -> datetime:
        """Return the time, in that zone."""
        return datetime.now(self.timezone)

    # ── modules with tasks ───────────────────────────────────────────────────────────────────

    def autodiscover_tasks(
        self,
        packages: Sequence[str] | Callable[[], Sequence[str]] | None = None,
        related_name: str | None = "tasks",
        force: bool = False,
    ) -> None:
        """Have workers import the module `related_name` of these packages, where it is there.

        Without packages: of all of Django's INSTALLED_APPS. They are imported by `import_tasks`,
        or at once with `force`.
        """
        discovery = Discovery(packages, related_name)
        if force:
            discovery.run()
        else:
            self._discoveries.append(discovery)

    def get_task(self, name: str) -> AnyTask:
        """Return the task that is registered under this name."""
        try:
            return self.tasks[name]
        except KeyError:
            known = ", ".join(sorted(self.tasks)) or "none"
            raise UnknownTask(f"no task is named {name!r}; registered are: {known}") from None

    def import_tasks(self) -> None:
        """Import the modules with tasks: discovered ones, `imports` and `include`.

        Where DJANGO_SETTINGS_MODULE is set, Django is set up first.
        """
        prepare_django()
        self.on_after_configure.send(sender=self, source=self.conf)
        import_modules.send(sender=self)
        for discovery in self._discoveries:
            discovery.run()
        for module in (*(self.conf.imports or ()), *self.include, *(self.conf.include or ())):
            import_module(module)
        self.on_after_finalize.send(sender=self)


def _place(task: Task[Any, Any]) -> str:
    code = getattr(task.function, "__code__", None)
    return f"{code.co_filename}:{code.co_firstlineno}" if code else repr(task.function)


def _class_named(path: str) -> type[Task[..., Any]]:
    module, _, name = path.replace(":", ".").rpartition(".")
    kind = getattr(import_module(module), name, None) if module else None
    if isinstance(kind, type) and issubclass(kind, Task):
        return kind
    raise ConfigurationError(f"task_cls={path!r}: give a class below pgqueue.Task")


def get_current_task() -> Task[Any, Any] | None:
    """Return the task that this code is run by, of the current application; None outside of runs.

    >>> get_current_task() is None
    True
    """
    return None if current.get() is None else cast(PgQueue, APPS.find()).current_task


APPS.make = lambda: PgQueue("default", set_as_current=False)

#: The current application: the one that was made, or set as current, last.
current_app: PgQueue = cast(PgQueue, Proxy(APPS.find))
#: The task that this code is run by.
current_task: Task[Any, Any] = cast("Task[Any, Any]", Proxy(get_current_task))
