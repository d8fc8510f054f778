"""How often jobs start and how many run at once, over all workers: what a task says of it. Pure."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, NamedTuple

from pgqueue.errors import InvalidOption

#: What `rate_limit` may be per, in seconds.
PERIODS = {"s": 1, "m": 60, "h": 3600}
#: How many jobs a limit may be for: what `rate_burst` allows is reckoned as a time.
MOST = 100_000


class Allowance(NamedTuple):
    """The limits of a task's jobs: all of them together, or those with the same key.

    `key_name` and `key_place` are the argument that tells them apart, by name and by position.
    """

    max_concurrency: int | None = None
    rate_limit: str | None = None
    rate_burst: int = 1
    key_name: str | None = None
    key_place: int | None = None


NO_ALLOWANCE = Allowance()


def allowance_of(task: Any, *, rates: bool = True) -> Allowance | None:
    """Return the limits of a task by its options; None if it has none. Raises `InvalidOption`.

    `rates`: whether a rate counts, or is turned off by `worker_disable_rate_limits`.
    """
    name, place = checked_key(task)
    rate = checked_rate(task.rate_limit) if rates and task.rate_limit is not None else None
    rate = None if rate is None or _is_zero(rate) else _plain(rate)
    if rate is None and task.max_concurrency is None and not task.fair:
        return None
    if task.name.startswith(":"):
        raise InvalidOption(
            f"task {task.name!r}: it has limits, and the keys of queues begin with a colon; give "
            "it another name"
        )
    return Allowance(task.max_concurrency, rate, task.rate_burst or 1, name, place)


def checked_key(task: Any) -> tuple[str | None, int | None]:
    """Return the name and the position of the argument by which a task's limits count, if any."""
    name = _key_of(task.concurrency_key, task.rate_key)
    if name is not None:
        place = _place(task, name)
        limits = task.max_concurrency, task.rate_limit, task.rate_key
        if not task.fair and limits == (None, None, None):
            raise InvalidOption(
                f"{task.name}: concurrency_key={name!r} says by what its limits count, and it has "
                "none; give max_concurrency= or fair=True, too"
            )
        return name, place
    if task.fair:
        raise InvalidOption(
            f"{task.name}: fair=True shares slots between keys; give concurrency_key=, the name of "
            "the argument that tells them apart"
        )
    return None, None


def checked_rate(value: object) -> str | float | None:
    """Return a rate if it is one: so many a second, or a text such as "10/m".

    >>> checked_rate("10/m"), checked_rate(2.5)
    ('10/m', 2.5)
    """
    if isinstance(value, str):
        number, slash, period = value.partition("/")
        try:
            if 0 <= float(number) < float("inf") and (period in PERIODS if slash else True):
                return value
        except ValueError:
            pass
    elif isinstance(value, (int, float)) and not isinstance(value, bool) and value >= 0:
        return value
    raise InvalidOption(
        f'rate_limit={value!r}: give so many a second, or a text such as "10/s", "10/m", "10/h"'
    )


def checked_plain_rate(value: object) -> str:
    """Return a rate as SQL reads it, if it is one that lets anything start; refuse it if not.

    >>> checked_plain_rate("1_000/m"), checked_plain_rate(2.5)
    ('1000/m', '2.5')
    """
    rate = checked_rate(value)
    if rate is None or _is_zero(rate):
        raise InvalidOption(f"rate_limit={value!r}: nothing would start")
    return _plain(rate)


def checked_count(name: str, value: object) -> int:
    """Return a number of jobs if it is one; refuse it if not.

    >>> checked_count("max_concurrency", 3)
    3
    """
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= MOST:
        return value
    raise InvalidOption(f"{name}={value!r}: give how many jobs, 1 to {MOST:,}; None: no limit")


def checked_argument(name: str, value: object) -> str:
    """Return the name of an argument if it can be one; refuse it if not."""
    if isinstance(value, str) and value.isidentifier():
        return value
    raise InvalidOption(f"{name}={value!r}: give the name of one of the task's arguments")


def _key_of(*names: str | None) -> str | None:
    given = {name for name in names if name is not None}
    if len(given) > 1:
        first, second = names
        raise InvalidOption(
            f"concurrency_key={first!r} and rate_key={second!r}: a task's limits count under one "
            "key; give the same argument to both, or let a task of its own have the other limit"
        )
    return next(iter(given), None)


def _plain(rate: str | float) -> str:
    """Return a rate as SQL reads it, too: Python knows more ways to write a number.

    >>> _plain("1_000/m"), _plain(2.5), _plain("10/m")
    ('1000/m', '2.5', '10/m')
    """
    number, slash, period = str(rate).partition("/")
    return f"{Decimal(number):f}{slash}{period}"


def _is_zero(rate: str | float) -> bool:
    return not float(str(rate).partition("/")[0])


def _place(task: Any, name: str) -> int | None:
    """Return the position of an argument, None if it has none."""
    parameters = list(task._signature.parameters.values())  # noqa: SLF001 (made when it is bound)
    for place, each in enumerate(parameters):
        if each.name == name and each.kind is not each.VAR_KEYWORD:
            return None if each.kind is each.KEYWORD_ONLY else place
    if any(each.kind is each.VAR_KEYWORD for each in parameters):
        return None
    raise InvalidOption(
        f"{task.name}: it has no argument {name!r}, and its limits are to count by that"
    )
