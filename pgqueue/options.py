"""The options of a call, and the job that they and the task make: pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from difflib import get_close_matches
from typing import Any, TypedDict
from uuid import UUID

from pgqueue.codec import encode
from pgqueue.errors import InvalidOption
from pgqueue.identifiers import job_id, uuid7
from pgqueue.limits import RESERVED, Limits, checked_limits, noted
from pgqueue.retry import MAX_DELAY, MAX_RETRIES, is_retry_limit
from pgqueue.rows import FOREVER, NewJob

MAX_NAME_BYTES = 200


class Options(TypedDict, total=False):
    """The options of `using(...)` and `apply_async(...)`; Celery's names.

    `queue`: where the job waits. `priority`: 0 to 9, 9 first. `countdown`: seconds from now before
    which it does not run, or `eta`, that time itself. `expires`: seconds from now, or the time,
    after which it is cancelled instead of run. `task_id`: a UUID of your own. `headers`: a dict
    for your own use. `max_retries`: instead of the task's; None: for ever. `time_limit`,
    `soft_time_limit`: seconds, instead of the task's. `notify=False`: do not wake a sleeping worker
    (for transactions that will be prepared).
    """

    queue: str
    priority: int
    countdown: float
    eta: datetime
    expires: float | datetime
    task_id: UUID | str
    headers: Mapping[str, Any]
    max_retries: int | None
    time_limit: float | None
    soft_time_limit: float | None
    notify: bool


def said(defaults: Mapping[str, Any], options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of a call over those that hold without; None for a queue says nothing.

    >>> said({"queue": "mail", "expires": 60}, {"queue": None, "expires": None})
    {'queue': 'mail', 'expires': None}
    """
    merged = {**defaults, **options}
    for name in ("queue", "priority"):
        if name in defaults and merged[name] is None:
            merged[name] = defaults[name]
    return merged


def new_job(
    task: str, args: Sequence[Any], kwargs: Mapping[str, Any], options: Mapping[str, Any]
) -> NewJob:
    """Return the job that a call with these options means.

    Raises `InvalidOption` for an option that is unknown or out of its range, and `InvalidPayload`
    for a value that JSON cannot hold.

    >>> job = new_job("mail.send", [42], {}, {"queue": "mail", "countdown": 60})
    >>> job.queue, job.countdown, job.args
    ('mail', 60.0, '[42]')
    """
    _refuse_unknown(options, Options.__annotations__, "a call")
    expires = options.get("expires")
    absolute = isinstance(expires, datetime)
    headers = options.get("headers")
    if not isinstance(headers, Mapping | None):
        raise InvalidOption(f"headers={headers!r}: give a dict")
    if headers and RESERVED in headers:
        raise InvalidOption(f"headers={headers!r}: {RESERVED!r} is taken; use another key")
    headers = noted(headers, _limits(options))
    countdown, eta = options.get("countdown"), options.get("eta")
    if countdown is not None and eta is not None:
        raise InvalidOption("countdown= and eta= say the same thing: give one of them")
    return NewJob(
        id=uuid7() if options.get("task_id") is None else job_id(options["task_id"]),
        task=checked_name("task", task),
        args=encode(list(args), at="args"),
        kwargs=encode(dict(kwargs), at="kwargs") if kwargs else "{}",
        queue=checked_name("queue", options.get("queue", "default")),
        priority=checked_priority(options.get("priority", 0)),
        max_attempts=max_attempts(options["max_retries"]) if "max_retries" in options else None,
        countdown=0.0 if countdown is None else checked_seconds("countdown", countdown),
        eta=None if eta is None else checked_moment("eta", eta),
        expires=checked_moment("expires", expires) if absolute else None,
        expires_in=None if absolute or expires is None else checked_seconds("expires", expires),
        headers=None if not headers else encode(dict(headers), at="headers"),
        notify=bool(options.get("notify", True)),
        chosen=options.get("task_id") is not None,
    )


def _limits(options: Mapping[str, Any]) -> Limits:
    return checked_limits(options.get("time_limit"), options.get("soft_time_limit"))


def checked_name(kind: str, name: object) -> str:
    """Return a task's or queue's name if it can be shown, logged and indexed; refuse it if not.

    >>> checked_name("queue", "mail")
    'mail'
    """
    if not isinstance(name, str) or not name or not name.isprintable():
        raise InvalidOption(f"{kind}={name!r}: a name is a text of printable characters")
    if len(name.encode("utf-8", "replace")) > MAX_NAME_BYTES:
        raise InvalidOption(f"{kind}={name[:40]!r}…: a name has at most {MAX_NAME_BYTES} bytes")
    return name


def checked_priority(value: object) -> int:
    """Return a priority if it is one; refuse it if not."""
    if not isinstance(value, int) or not 0 <= value <= 9:  # noqa: PLR2004 (documented range)
        raise InvalidOption(
            f"priority={value!r}: give 0 to 9; 9 is claimed first, 0 is the default"
        )
    return int(value)


def checked_seconds(name: str, value: object) -> float:
    """Return a span of time in seconds; refuse what is none, or longer than a thousand years."""
    if isinstance(value, (int, float)) and abs(value) <= MAX_DELAY:
        return float(value)
    raise InvalidOption(f"{name}={value!r}: give a number of seconds")


def checked_moment(name: str, value: object) -> datetime:
    """Return a point in time; refuse what is none, or has no time zone."""
    if not isinstance(value, datetime):
        raise InvalidOption(f"{name}={value!r}: give a datetime")
    if value.utcoffset() is None:
        raise InvalidOption(
            f"{name}={value!r} has no time zone: give an aware datetime, such as "
            "datetime.now(timezone.utc)"
        )
    return value


def _refuse_unknown(options: Mapping[str, Any], known: Mapping[str, Any], place: str) -> None:
    for name in sorted(options.keys() - known.keys()):
        near = get_close_matches(name, known, n=1)
        hint = f"did you mean {near[0]}=?" if near else "there are: " + ", ".join(known)
        raise InvalidOption(f"{name}= is not an option of {place}; {hint}")


def max_attempts(max_retries: object) -> int:
    """Return how often a job may be tried in all, given how often it may be tried again.

    >>> max_attempts(3)
    4
    """
    if max_retries is None:
        return FOREVER
    if not isinstance(max_retries, int) or not is_retry_limit(max_retries):
        raise InvalidOption(
            f"max_retries={max_retries!r}: give 0 to {MAX_RETRIES}, or None for ever"
        )
    return max_retries + 1
