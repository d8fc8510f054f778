"""What the value of a setting may be: checked, and brought into one form."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pgqueue.errors import ConfigurationError, InvalidOption
from pgqueue.limits import checked_limits
from pgqueue.options import checked_name, checked_priority
from pgqueue.settings.table import SETTINGS, Kind

_WORDS = {
    **dict.fromkeys(("true", "yes", "on", "1"), True),
    **dict.fromkeys(("false", "no", "off", "0"), False),
}
_JSON = ("json", "application/json")
_NOT_JSON = (
    "values are JSON here: pass ids and plain values instead of objects, and leave the setting out"
)


def checked(name: str, value: Any, place: str = "app.conf") -> Any:
    """Return a setting's value in the form that it is used in; refuse what it cannot be.

    >>> checked("task_always_eager", "yes"), checked("imports", "shop.tasks")
    (True, ('shop.tasks',))
    """
    if value is None:
        return None
    try:
        return _KINDS[SETTINGS[name].kind](name, value)
    except (ConfigurationError, InvalidOption) as error:
        raise ConfigurationError(f"{place}: {error}") from None


def from_text(name: str, text: str, place: str) -> Any:
    """Return the value that a text stands for, as it is in the environment."""
    kind = SETTINGS[name].kind
    if kind == "dict" or name in ("task_routes", "task_annotations"):
        raise ConfigurationError(
            f"{place}: {name} is no text; set it in app.conf or pyproject.toml"
        )
    if kind in ("names", "queues", "content"):
        return checked(name, [part.strip() for part in text.split(",") if part.strip()], place)
    if kind in ("count", "priority", "seconds"):
        number = _number(text)
        return checked(name, text if number is None else number, place)
    return checked(name, text, place)


def zone(value: str | tzinfo) -> tzinfo:
    """Return the time zone of this name.

    >>> zone("Europe/Oslo")
    zoneinfo.ZoneInfo(key='Europe/Oslo')
    """
    if isinstance(value, tzinfo):
        return value
    try:
        return ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError, TypeError):
        raise ConfigurationError(
            f"timezone={value!r}: there is no such time zone; give a name such as 'Europe/Oslo'"
        ) from None


def _number(text: str) -> float | None:
    try:
        return int(text)
    except ValueError:
        pass
    try:
        return float(text)
    except ValueError:
        return None


def _any(name: str, value: Any) -> Any:
    del name
    return value


def _bool(name: str, value: Any) -> bool:
    if isinstance(value, str) and value.lower() in _WORDS:
        return _WORDS[value.lower()]
    if isinstance(value, int) and value in (0, 1):
        return bool(value)
    raise ConfigurationError(f"{name}={value!r}: give True or False")


def _count(name: str, value: Any) -> int | None:
    if name == "worker_concurrency" and value == "auto":
        return None
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return value
    raise ConfigurationError(f"{name}={value!r}: give a whole number, 1 or more, or None")


def _dict(name: str, value: Any) -> Any:
    if isinstance(value, Mapping):
        return value
    raise ConfigurationError(f"{name}={value!r}: give a dict")


def _json(name: str, value: Any) -> str:
    if value in _JSON:
        return "json"
    raise ConfigurationError(f"{name}={value!r}: {_NOT_JSON}")


def _content(name: str, value: Any) -> tuple[str, ...]:
    kinds = _names(name, value)
    if not set(_JSON) & set(kinds):
        raise ConfigurationError(f"{name}={value!r}: {_NOT_JSON}")
    return kinds


def _names(name: str, value: Any) -> tuple[str, ...]:
    values = (value,) if isinstance(value, str) else value
    if not isinstance(values, Iterable) or isinstance(values, Mapping):
        raise ConfigurationError(f"{name}={value!r}: give a list of names")
    names = tuple(values)
    if not all(isinstance(each, str) for each in names):
        raise ConfigurationError(f"{name}={value!r}: give a list of names")
    return names


def _priority(name: str, value: Any) -> int:
    del name
    return checked_priority(value)


def _queues(name: str, value: Any) -> tuple[str, ...]:
    values = (value,) if isinstance(value, str) or hasattr(value, "name") else value
    if not isinstance(values, Iterable):
        raise ConfigurationError(f"{name}={value!r}: give the names of queues")
    return tuple(checked_name("queue", queue_name(each)) for each in values)


def queue_name(queue: Any) -> Any:
    """Return the name of a queue that is given by its name, or as an object that has one."""
    return queue if isinstance(queue, str) else getattr(queue, "name", queue)


def _seconds(name: str, value: Any) -> float | None:
    seconds = value.total_seconds() if isinstance(value, timedelta) else value
    try:
        return checked_limits(seconds, None).time_limit
    except InvalidOption as error:
        raise ConfigurationError(str(error).replace("time_limit", name, 1)) from None


def _text(name: str, value: Any) -> str:
    if isinstance(value, str):
        return value
    raise ConfigurationError(f"{name}={value!r}: give a text")


def _zone(name: str, value: Any) -> Any:
    del name
    zone(value)
    return value


_KINDS: dict[Kind, Callable[[str, Any], Any]] = {
    "any": _any,
    "bool": _bool,
    "content": _content,
    "count": _count,
    "dict": _dict,
    "json": _json,
    "names": _names,
    "priority": _priority,
    "queues": _queues,
    "seconds": _seconds,
    "text": _text,
    "zone": _zone,
}
