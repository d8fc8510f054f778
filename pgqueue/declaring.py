"""What a task is declared with: its options, checked, and what follows from them. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from inspect import getattr_static
from typing import Any, TypedDict

from pgqueue.allowance import (
    Allowance,
    allowance_of,
    checked_argument,
    checked_count,
    checked_rate,
)
from pgqueue.errors import ConfigurationError, InvalidOption
from pgqueue.limits import Limits, checked_limits
from pgqueue.misspelt import nearest
from pgqueue.options import checked_name, checked_priority, checked_seconds, max_attempts
from pgqueue.retry import RetryPolicy
from pgqueue.settings import Settings
from pgqueue.settings.routing import Routes
from pgqueue.unique import OPTIONS as UNIQUE, checked_names, checked_unique


class TaskOptions(TypedDict, total=False):
    """The options of `@app.task(...)` and `@shared_task(...)`; Celery's names and defaults.

    `name`: else the module's and the function's. `queue`, `priority`, `expires` (seconds): what
    its jobs have if the call does not say otherwise. `time_limit`, `soft_time_limit`: seconds after
    which a run is killed, and asked to end. `max_retries` to `retry_kwargs`: how failed attempts
    are followed up, see `RetryPolicy`. `rate_limit`, `rate_burst`, `max_concurrency`: how often its
    jobs start and how many run at once, over all workers; `concurrency_key`, `rate_key`: of those
    with the same value of this argument; `fair`: share slots between these. `ignore_result`: do not
    store what it returns. `throws`: errors that are expected, and logged so. `typing=False`: do not
    check arguments at the call.
    `pydantic`: validate arguments that are annotated with models, and dump such a result.
    `unique` to `on_duplicate`: one job at a time for the same arguments. The reference tells of
    each.
    """

    name: str
    queue: str
    priority: int
    expires: float
    time_limit: float | None
    soft_time_limit: float | None
    max_retries: int | None
    default_retry_delay: float
    autoretry_for: Sequence[type[BaseException]]
    dont_autoretry_for: Sequence[type[BaseException]]
    retry_backoff: bool | float
    retry_backoff_max: float
    retry_jitter: bool
    retry_kwargs: Mapping[str, Any]
    rate_limit: str | float | None
    rate_burst: int
    rate_key: str | None
    max_concurrency: int | None
    concurrency_key: str | None
    fair: bool
    ignore_result: bool
    store_errors_even_if_ignored: bool
    track_started: bool
    acks_late: bool
    reject_on_worker_lost: bool
    serializer: str
    throws: Sequence[type[BaseException]]
    typing: bool
    pydantic: bool
    pydantic_strict: bool
    pydantic_context: Mapping[str, Any] | None
    pydantic_dump_kwargs: Mapping[str, Any] | None
    unique: bool | Sequence[str]
    unique_key: str
    unique_until: str
    unique_for: float
    on_duplicate: str


#: What the decorators of Celery know, too, and why it means nothing here.
WITHOUT_MEANING = {
    **dict.fromkeys(
        ("exchange", "exchange_type", "routing_key", "delivery_mode", "compression"),
        "a job is a row in a queue",
    ),
    **dict.fromkeys(
        ("acks_on_failure_or_timeout", "acks_on_failure", "acks_on_timeout"),
        "a failed job has ended",
    ),
    **dict.fromkeys(("send_events", "trail"), "what happens to jobs is in the tables"),
    **dict.fromkeys(("Strategy", "Request", "backend"), "there is one way to run a job"),
    **dict.fromkeys(("lazy", "shared", "filter"), "a task is registered at once"),
    "resultrepr_maxsize": "results are shown by who shows them",
    "shadow_name": "jobs are shown under the name of their task",
    "retry_on_worker_lost": "a job of a lost worker always runs again",
}

_EXCEPTIONS = ("autoretry_for", "dont_autoretry_for", "throws")
_BOOLS = (
    *("ignore_result", "store_errors_even_if_ignored", "track_started", "acks_late"),
    *("reject_on_worker_lost", "typing", "pydantic", "pydantic_strict", "retry_jitter"),
    "fair",
)
_LIMITS = Limits._fields
_RETRYING = tuple(RetryPolicy.__dataclass_fields__)


def checked_declaration(
    options: Mapping[str, Any], base: type[Any], *, of_base: bool = False
) -> dict[str, Any]:
    """Return the attributes that the options of a decorator give to a task.

    An option that nobody knows is an attribute of the task if its `base` class has one of that
    name (`of_base`: one is given). Raises `InvalidOption` for any other, with the nearest right
    name, and for a value that is out of its range.

    >>> checked_declaration({"queue": "mail", "autoretry_for": [OSError]}, object)
    {'queue': 'mail', 'autoretry_for': (<class 'OSError'>,)}
    """
    attributes: dict[str, Any] = {}
    for name, value in options.items():
        if name in TaskOptions.__annotations__:
            attributes[name] = _checked(name, value)
        elif name not in WITHOUT_MEANING:
            if not (of_base and hasattr(base, name)):
                raise _unknown(name, base if of_base else None)
            attributes[name] = value
    checked_limits(options.get("time_limit"), options.get("soft_time_limit"))
    checked_unique(attributes)
    RetryPolicy(**{name: attributes[name] for name in _RETRYING if name in attributes})
    return attributes


def checked_class(kind: type[Any], own: Sequence[str] = ()) -> None:
    """Check the options that a class of tasks has as attributes; raises `InvalidOption`."""
    for name in own or TaskOptions.__annotations__:
        value = getattr_static(kind, name, None)
        if value is not None and not hasattr(type(value), "__get__"):
            try:
                _checked(name, value)
            except InvalidOption as error:
                raise InvalidOption(f"{kind.__qualname__}: {error}") from None


def _unknown(name: str, base: type[Any] | None) -> InvalidOption:
    known = [*TaskOptions.__annotations__, "bind", "base"]
    near = nearest(name, known)
    if near:
        hint = f"did you mean {near}=?"
    elif base is not None:
        hint = f"to have attributes of your own, give {base.__qualname__} one of that name"
    else:
        hint = "there are: " + ", ".join(known)
    return InvalidOption(f"{name}= is not an option of @app.task; {hint}")


def _checked(name: str, value: Any) -> Any:
    if name in _BOOLS:
        if not isinstance(value, bool | None):
            raise InvalidOption(f"{name}={value!r}: give True or False")
    elif name in _EXCEPTIONS:
        return _exceptions(name, value)
    elif name in _LIMITS:
        checked_limits(**{name: value, **dict.fromkeys(set(_LIMITS) - {name})})
    elif check := _CHECKS.get(name):
        return None if value is None else check(value)
    return value


def _exceptions(name: str, value: Any) -> tuple[type[BaseException], ...]:
    kinds = (value,) if isinstance(value, type) and name == "throws" else value
    if isinstance(kinds, (list, tuple, set, frozenset)) and all(
        isinstance(kind, type) and issubclass(kind, BaseException) for kind in kinds
    ):
        return tuple(kinds)
    raise ConfigurationError(f"{name}={value!r}: give a tuple of exception classes")


def _serializer(value: object) -> object:
    if value == "json":
        return value
    raise InvalidOption(
        f"serializer={value!r}: values are JSON here; pass ids and plain values instead of objects"
    )


def _retry_kwargs(value: Any) -> Any:
    known = ("max_retries", "countdown")
    if not isinstance(value, Mapping):
        raise InvalidOption(f"retry_kwargs={value!r}: give a dict of {' and '.join(known)}")
    for name in value.keys() - set(known):
        raise InvalidOption(f"retry_kwargs={value!r}: {name!r} is none of {' and '.join(known)}")
    if "max_retries" in value:
        max_attempts(value["max_retries"])
    if "countdown" in value:
        checked_seconds("countdown", value["countdown"])
    return value


def _mapping(value: object) -> object:
    if not isinstance(value, Mapping):
        raise InvalidOption(f"{value!r}: pydantic_context and pydantic_dump_kwargs are dicts")
    return value


_CHECKS: dict[str, Any] = {
    "name": lambda value: checked_name("task", value),
    "queue": lambda value: checked_name("queue", value),
    "priority": checked_priority,
    "expires": lambda value: checked_seconds("expires", value),
    "rate_limit": checked_rate,
    "rate_burst": lambda value: checked_count("rate_burst", value),
    "rate_key": lambda value: checked_argument("rate_key", value),
    "max_concurrency": lambda value: checked_count("max_concurrency", value),
    "concurrency_key": lambda value: checked_argument("concurrency_key", value),
    "serializer": _serializer,
    "retry_kwargs": _retry_kwargs,
    "pydantic_context": _mapping,
    "pydantic_dump_kwargs": _mapping,
}


# ── what follows ──


@dataclass(frozen=True, slots=True)
class Plan:
    """What a task's jobs are like, from its options and the settings; `version` is of those.

    `limits` are the task's own. `own`, `floor`: options of a call that the task gives, and that the
    settings do where neither it nor a route says anything. `defaults`: all three together, unless
    the routes want to see each call (`routes`).
    """

    version: int
    policy: RetryPolicy
    limits: Limits
    max_attempts: int
    queue: str
    priority: int
    expires: float | None
    defaults: dict[str, Any]
    own: dict[str, Any]
    floor: dict[str, Any]
    routes: Routes | None = None
    ignore_result: bool = False
    #: Whether each call has to be looked at for its unique key.
    unique: bool = False
    #: How often its jobs start, and how many run at once.
    allowance: Allowance | None = None
    #: Whether calls are made in place.
    eager: bool = False


def plan_of(task: Any, conf: Settings) -> Plan:
    """Return the plan of a task; its options are its attributes.

    Celery's order: the call, the task's own options, the routes, the defaults.
    """
    floor = {"queue": conf.task_default_queue, "priority": conf.task_default_priority or 0}
    version = conf.version  # before the rest is read: a change meanwhile makes another plan
    own = {
        name: value
        for name in ("queue", "priority", "expires")
        if (value := own_option(task, name)) is not None
    }
    policy = RetryPolicy(**{name: _plain(getattr(task, name)) for name in _RETRYING})
    own["max_retries"] = policy.max_retries
    if unique := bool(task.unique or task.unique_key is not None):
        checked_names(task)  # which `task_annotations` may have said
        own |= {name: value for name in UNIQUE if (value := own_option(task, name)) is not None}
    routes = conf.routes
    route = routes.fixed(task.name)
    defaults = {**floor, **(route or {}), **own}
    own_limits = checked_limits(*(own_option(task, name) for name in _LIMITS))
    routed = checked_limits(*(defaults.pop(name, None) for name in _LIMITS))
    return Plan(
        version,
        policy,
        own_limits.over(routed),
        max_attempts(policy.max_retries),
        checked_name("queue", defaults["queue"]),
        checked_priority(defaults["priority"]),
        None
        if defaults.get("expires") is None
        else checked_seconds("expires", defaults["expires"]),
        defaults,
        own,
        floor,
        routes if route is None else None,
        bool(task.ignore_result),
        unique,
        allowance_of(task, rates=not conf.worker_disable_rate_limits),
        bool(conf.task_always_eager),
    )


def own_option(task: Any, name: str) -> Any:
    """Return what a task, or its class, says of an option; None if the settings decide."""
    found = getattr_static(task, name, None)
    return None if isinstance(found, FromPlan | FromSettings) else found


class FromSettings:
    """An attribute of tasks that is what a setting says, if nothing closer to the task says it."""

    def __init__(self, setting: str) -> None:
        self._setting = setting

    def __get__(self, task: Any, kind: type[Any]) -> Any:
        return None if task is None else task.database.conf[self._setting]


class FromPlan:
    """An attribute of tasks that follows from routes and settings, likewise."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __get__(self, task: Any, kind: type[Any]) -> Any:
        return None if task is None else getattr(task.plan, self._name)


def from_settings(setting: str) -> Any:
    """Return a `FromSettings`, as what it is for who reads it: a value."""
    return FromSettings(setting)


def from_plan(name: str) -> Any:
    """Return a `FromPlan`, likewise."""
    return FromPlan(name)


def _plain(value: Any) -> Any:
    return tuple(value) if isinstance(value, (list, set, frozenset)) else value


def annotations_of(name: str, task: Any, given: Any) -> dict[str, Any]:
    """Return what `task_annotations` says of a task: for all under '*', then for it by its name.

    >>> annotations_of("shop.pack", None, {"*": {"rate_limit": "9/s"}, "shop.pack": {"queue": "p"}})
    {'rate_limit': '9/s', 'queue': 'p'}
    """
    found: dict[str, Any] = {}
    for each in given if isinstance(given, (list, tuple)) else (given,) if given else ():
        if isinstance(each, Mapping):
            found |= {**each.get("*", {}), **each.get(name, {})}
        else:
            found |= dict(each.annotate(task) or {})
    return found
