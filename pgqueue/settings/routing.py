"""Where a call goes, as `task_routes` has it: pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from fnmatch import translate
from importlib import import_module
from typing import Any, TypeAlias

from pgqueue.errors import ConfigurationError
from pgqueue.settings.values import queue_name

#: `(name, args, kwargs, options, task)` to the options that a call gets, or None.
Router: TypeAlias = Callable[[str, Any, Any, Any, Any], dict[str, Any] | None]

#: What a route may say of a call; the rest is about exchanges, which are not here.
_OPTIONS = ("queue", "priority", "expires", "time_limit", "soft_time_limit")


class Routes:
    """Routers in their order: the first that knows a task decides.

    >>> routes = Routes({"mail.*": "mail", "shop.charge": {"queue": "billing", "priority": 9}})
    >>> routes.fixed("mail.send"), routes.fixed("shop.charge"), routes.fixed("shop.pack")
    ({'queue': 'mail'}, {'queue': 'billing', 'priority': 9}, {})
    """

    def __init__(self, given: Any) -> None:
        self._routers = [_router(each) for each in _each(given)]

    def __bool__(self) -> bool:
        return bool(self._routers)

    def fixed(self, name: str) -> dict[str, Any] | None:
        """Return what is said of every call of a task; None if that depends on the call."""
        for router in self._routers:
            if not isinstance(router, MapRouter):
                return None
            if (route := router(name)) is not None:
                return route
        return {}

    def route(
        self, name: str, args: Any, kwargs: Any, options: Mapping[str, Any], task: Any = None
    ) -> dict[str, Any]:
        """Return what is said of this call."""
        for router in self._routers:
            if isinstance(router, MapRouter):
                found = router(name)
            else:
                found = _route(name, router(name, args, kwargs, dict(options), task))
            if found is not None:
                return found
        return {}


class MapRouter:
    """A router made of a dict, or of pairs: exact names first, then patterns in their order."""

    def __init__(self, given: Iterable[tuple[Any, Any]]) -> None:
        self._names: dict[str, dict[str, Any]] = {}
        self._patterns: list[tuple[re.Pattern[str], dict[str, Any]]] = []
        for key, value in given:
            route = _route(getattr(key, "pattern", key), value)
            if route is None:
                raise ConfigurationError(f"task_routes: {key!r}: {value!r}: name a queue")
            if isinstance(key, re.Pattern):
                self._patterns.append((key, route))
            elif not isinstance(key, str):
                raise ConfigurationError(f"task_routes: {key!r}: give the name of a task")
            elif "*" in key:
                self._patterns.append((re.compile(translate(key)), route))
            else:
                self._names[key] = route

    def __call__(self, name: str) -> dict[str, Any] | None:
        """Return what is said of a task; None if nothing is."""
        if name in self._names:
            return self._names[name]
        return next((route for pattern, route in self._patterns if pattern.match(name)), None)


def _each(given: Any) -> Iterable[Any]:
    if given is None:
        return ()
    return given if isinstance(given, (list, tuple)) else (given,)


def _router(given: Any) -> MapRouter | Router:
    if isinstance(given, Mapping):
        return MapRouter(given.items())
    if isinstance(given, (list, tuple)):
        try:
            return MapRouter((key, value) for key, value in given)
        except (TypeError, ValueError):
            raise ConfigurationError(
                f"task_routes: {given!r}: give pairs of a task's name and its queue"
            ) from None
    router = _imported(given) if isinstance(given, str) else given
    if hasattr(router, "route_for_task"):
        method = (router() if isinstance(router, type) else router).route_for_task
        return lambda name, args, kwargs, *_: method(name, args, kwargs)
    if callable(router):
        return lambda name, args, kwargs, options, task: router(
            name, args, kwargs, options, task=task
        )
    raise ConfigurationError(f"task_routes: {given!r}: give a dict, a function, or a list of them")


def _imported(path: str) -> Any:
    module, _, attribute = path.replace(":", ".").rpartition(".")
    try:
        return getattr(import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigurationError(f"task_routes: {path!r} cannot be imported: {error}") from error


def _route(name: object, given: Any) -> dict[str, Any] | None:
    if given is None:
        return None
    if not isinstance(given, Mapping):
        queue = queue_name(given)
        if isinstance(queue, str):
            return {"queue": queue}
        raise ConfigurationError(
            f"task_routes: {name!r}: {given!r}: give a queue's name, or a dict with 'queue'"
        )
    route = {key: given[key] for key in _OPTIONS if given.get(key) is not None}
    if queue := given.get("queue") or given.get("routing_key"):
        route["queue"] = queue_name(queue)
    return route or None
