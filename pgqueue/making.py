"""From a function, or an instance of a class of tasks, to a task of an application."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Coroutine
from functools import update_wrapper
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar, overload

from pgqueue.allowance import checked_key
from pgqueue.errors import UsageError
from pgqueue.models import Models
from pgqueue.options import checked_name
from pgqueue.task import AsyncTask, Home, Task
from pgqueue.unique import checked_names

P = ParamSpec("P")
R = TypeVar("R")


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


def make_task(
    function: Callable[..., Any],
    home: Home,
    base: type[Task[Any, Any]] = Task,
    *,
    bind: bool = False,
    **attributes: Any,
) -> Task[Any, Any]:
    """Return the task that a function is, of a class of its own below `base`."""
    kinds: tuple[type, ...] = (base,)
    if inspect.iscoroutinefunction(function) and not issubclass(base, AsyncTask):
        kinds = (AsyncTask,) if base is Task else (base, AsyncTask)
    name = attributes.get("name") or default_name(function)
    namespace = {
        **attributes,
        "name": checked_name("task", name),
        "bind": bind,
        "run": function if bind else staticmethod(function),
        "function": staticmethod(function),
        "database": home,
        "__module__": function.__module__,
        "__doc__": function.__doc__,
    }
    return settle(type(function.__name__, kinds, namespace)(), home)


def settle(task: Task[Any, Any], home: Home) -> Task[Any, Any]:
    """Make a task one of an application: what is asked of it at every call is found out once."""
    kind = type(task)
    runs = getattr(task, "run", None) or task.__call__
    function: Callable[..., Any] = getattr(task, "function", runs)
    signature = _signature(function, task.bind)
    own = vars(task)
    own["database"] = home
    if task.pydantic:
        models = Models(
            function,
            signature,
            strict=task.pydantic_strict,
            context=task.pydantic_context,
            dump=task.pydantic_dump_kwargs,
        )
        own["_models"], runs = models, models.wrap(runs, home, task.name)
        own["run"] = runs
    if "function" in kind.__dict__:
        update_wrapper(task, function, updated=())  # its attributes would take the place of ours
    own |= {
        "function": function,
        "is_async": inspect.iscoroutinefunction(runs),
        "_signature": signature,
        # The numbers of arguments that fit if all are given by position.
        "_arity": _arity(signature),
        "__wrapped__": runs,
    }
    checked_key(task)
    checked_names(task)
    return task


def default_name(function: Callable[..., Any] | type[Any]) -> str:
    """Return the name that a function or class gives to its task."""
    return f"{module_name(function)}.{function.__name__}"


def module_name(function: Callable[..., Any] | type[Any]) -> str:
    """Return the name of the module that a function or class is in."""
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
