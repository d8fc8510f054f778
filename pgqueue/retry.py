"""What happens after an attempt failed: pure decisions on a policy, a count and an error."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pgqueue.errors import ConfigurationError

Exceptions = tuple[type[BaseException], ...]

#: What `retry_kwargs` may say; the rest of what Celery takes there has options of its own here.
_RETRY_KWARGS = ("max_retries", "countdown")

MAX_RETRIES = 32_766  # attempts are a smallint
MAX_DELAY = 1000 * 366 * 86400.0  # a thousand years, in seconds: Python's datetime ends soon after


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How a task's failed attempts are followed up; Celery's names and defaults.

    `max_retries` None means for ever. `default_retry_delay` and `retry_backoff_max` are seconds.
    `retry_backoff` True starts at 1 second, a number at so many, and doubles with every retry;
    `retry_jitter` draws the actual delay between 0 and that. `retry_kwargs` are `max_retries` and
    `countdown` for automatic retries alone.
    """

    max_retries: int | None = 3
    default_retry_delay: float = 180.0
    autoretry_for: Exceptions = ()
    dont_autoretry_for: Exceptions = ()
    retry_backoff: bool | float = False
    retry_backoff_max: float = 600.0
    retry_jitter: bool = True
    retry_kwargs: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        if not is_retry_limit(self.max_retries):
            raise ConfigurationError(
                f"max_retries={self.max_retries!r}: give 0 to {MAX_RETRIES}, or None for ever"
            )
        for name in ("default_retry_delay", "retry_backoff", "retry_backoff_max"):
            seconds = getattr(self, name)
            if not isinstance(seconds, (int, float)) or not 0 <= seconds <= MAX_DELAY:
                raise ConfigurationError(f"{name}={seconds!r}: give a number of seconds, 0 or more")
        for name in ("autoretry_for", "dont_autoretry_for"):
            classes = getattr(self, name)
            if not isinstance(classes, tuple) or not all(map(_is_exception, classes)):
                raise ConfigurationError(f"{name}={classes!r}: give a tuple of exception classes")
        _check_retry_kwargs(self.retry_kwargs)


def is_retry_limit(value: object) -> bool:
    """Return whether a value can be `max_retries`."""
    return value is None or (isinstance(value, int) and 0 <= value <= MAX_RETRIES)


def may_retry(max_retries: int | None, retries: int) -> bool:
    """Return whether an attempt that was preceded by `retries` others may be followed by one more.

    >>> may_retry(3, 2), may_retry(3, 3), may_retry(None, 1000)
    (True, False, True)
    """
    return max_retries is None or retries < max_retries


def most_retries(policy: RetryPolicy, max_retries: int | None) -> int | None:
    """Return how many retries the policy makes by itself, of a job that has this `max_retries`.

    `retry_kwargs` say it, unless the call said something else than the task.

    >>> policy = RetryPolicy(retry_kwargs={"max_retries": 5})
    >>> most_retries(policy, 3), most_retries(policy, 1)
    (5, 1)
    """
    if not policy.retry_kwargs or max_retries != policy.max_retries:
        return max_retries
    limit: int | None = policy.retry_kwargs.get("max_retries", max_retries)
    return limit


def retries_itself(policy: RetryPolicy, error: BaseException) -> bool:
    """Return whether the policy retries this error without being asked to by the task."""
    kind = type(error)  # isinstance() would ask the error itself, which may lie
    return issubclass(kind, policy.autoretry_for) and not issubclass(
        kind, policy.dont_autoretry_for
    )


def automatic_delay(policy: RetryPolicy, retries: int) -> float:
    """Return the seconds to wait before retry number `retries + 1` that the policy decided on.

    >>> automatic_delay(RetryPolicy(retry_backoff=2, retry_jitter=False), retries=3)
    16.0
    """
    if not policy.retry_backoff:
        delay = (policy.retry_kwargs or {}).get("countdown")
        return policy.default_retry_delay if delay is None else float(delay)
    doublings = min(retries, 63)  # past that the maximum rules anyway, and floats stay finite
    ceiling = min(policy.retry_backoff_max, float(policy.retry_backoff) * 2.0**doublings)
    return random.uniform(0.0, ceiling) if policy.retry_jitter else ceiling  # noqa: S311 (not a secret)


def _check_retry_kwargs(given: Any) -> None:
    if given is None:
        return
    for name, value in given.items() if isinstance(given, Mapping) else [("", None)]:
        if name == "max_retries" and is_retry_limit(value):
            continue
        if name == "countdown" and isinstance(value, (int, float)) and 0 <= value <= MAX_DELAY:
            continue
        raise ConfigurationError(
            f"retry_kwargs={given!r}: give a dict of {' and '.join(_RETRY_KWARGS)}, as they are "
            "given to self.retry()"
        )


def _is_exception(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseException)
