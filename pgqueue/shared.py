"""Tasks that belong to no application, and so to every one: for libraries, and Django's apps."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Literal, ParamSpec, TypeVar, Unpack, overload

from pgqueue.apps import APPS
from pgqueue.declaring import TaskOptions
from pgqueue.errors import UsageError
from pgqueue.making import BoundDecorator, Decorator, default_name, module_name
from pgqueue.options import checked_name
from pgqueue.proxy import Proxy
from pgqueue.task import AsyncTask, Task

P = ParamSpec("P")
R = TypeVar("R")


@overload
def shared_task(function: Callable[P, Coroutine[Any, Any, R]], /) -> AsyncTask[P, R]: ...


@overload
def shared_task(function: Callable[P, R], /) -> Task[P, R]: ...


@overload
def shared_task(
    *, base: type[Task[..., Any]], bind: Literal[True], **options: Any
) -> BoundDecorator: ...


@overload
def shared_task(
    *, base: type[Task[..., Any]], bind: Literal[False] = False, **options: Any
) -> Decorator: ...


@overload
def shared_task(*, bind: Literal[True], **options: Unpack[TaskOptions]) -> BoundDecorator: ...


@overload
def shared_task(*, bind: Literal[False] = False, **options: Unpack[TaskOptions]) -> Decorator: ...


def shared_task(function: Callable[..., Any] | None = None, /, **options: Any) -> Any:
    """Register a function as a task of every application, also of those that are made later.

    Takes the options of `PgQueue.task`. What is returned stands for the task of the application
    that is current when it is used.

    >>> from pgqueue import PgQueue
    >>> @shared_task(queue="mail")
    ... def notify(user_id: int) -> str:
    ...     return f"notified {user_id}"
    >>> app = PgQueue("shop")
    >>> notify.app is app, notify.queue, notify(42)
    (True, 'mail', 'notified 42')
    """

    def share(function: Callable[..., Any]) -> Any:
        if type(function) is Proxy:
            raise UsageError(f"{function!r} is a shared task already: leave one @shared_task out")
        checked_name("task", options.get("name") or default_name(function))
        module = module_name(function)

        def task() -> Any:
            app = APPS.find()
            return app.tasks[options.get("name") or app.gen_task_name(function.__name__, module)]

        APPS.share(lambda app: app.task(**options)(function))
        return Proxy(task, __doc__=function.__doc__)

    return share if function is None else share(function)
