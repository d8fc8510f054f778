"""The options of a call, and the job that they and the task make: pure."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, tzinfo
from typing import Any, TypedDict
from uuid import UUID

from pgqueue.codec import encode
from pgqueue.errors import InvalidOption
from pgqueue.identifiers import job_id, uuid7
from pgqueue.limits import RESERVED, Limits, checked_limits, noted
from pgqueue.misspelt import nearest
from pgqueue.request import current
from pgqueue.retry import MAX_DELAY, MAX_RETRIES, is_retry_limit
from pgqueue.rows import FOREVER, NewJob, Unique
from pgqueue.unique import OPTIONS as UNIQUE, Bound, unique_of

MAX_NAME_BYTES = 200


class Options(TypedDict, total=False):
    """The options of `using(...)` and `apply_async(...)`; Celery's names.

    `queue`: where the job waits. `priority`: 0 to 9, 9 first. `countdown`: seconds from now before
    which it does not run, or `eta`, that time itself. `expires`: seconds from now, or the time,
    after which it is cancelled instead of run. Times are datetimes, or their texts in ISO 8601;
    those without a zone are in the application's.
    `task_id`: a UUID of your own. `headers`: a dict for your own use. `max_retries`: instead of
    the task's; None: for ever. `time_limit`, `soft_time_limit`: seconds, instead of the task's.
    `limit_key`: under which the task's limits count, instead of the argument's value.
    `ignore_result`: whether the return value is left out of the job's row. `shadow`: a name for
    people to read. `parent_id`, `root_id`: instead of the job in whose run the call is made, and
    of its root; `add_to_parent=False`: neither. `link`, `link_error`: signatures to be called when
    the job has succeeded, and when it has failed; see `Signature.link`. `unique=True`: one job of
    the task with these arguments at a time, or with those that are named in a list; `unique_key`:
    one with this text; `unique_until`, `unique_for` (seconds): for how long; `on_duplicate`: "keep"
    the job that is there, "replace" what it is to do, or "raise" `DuplicateJob`. `notify=False`: do
    not wake a sleeping worker (for transactions that will be prepared). The others mean nothing
    here and are taken, with one warning that says why, so that calls need no change: see
    `WITHOUT_MEANING`.
    """

    queue: str | None
    priority: int | None
    countdown: float | None
    eta: datetime | str | None
    expires: float | datetime | str | None
    task_id: UUID | str | None
    headers: Mapping[str, Any] | None
    max_retries: int | None
    time_limit: float | None
    soft_time_limit: float | None
    limit_key: str | None
    ignore_result: bool | None
    shadow: str | None
    parent_id: UUID | str | None
    root_id: UUID | str | None
    add_to_parent: bool
    notify: bool
    link: Any
    link_error: Any
    unique: bool | Sequence[str] | None
    unique_key: str | None
    unique_until: str | None
    unique_for: float | None
    on_duplicate: str | None
    serializer: str | None
    retry: bool | None
    retry_policy: Mapping[str, Any] | None
    routing_key: str | None
    exchange: Any
    compression: str | None
    producer: Any


#: Options that Celery has for what is not here, and why; `serializer` must be one that is.
WITHOUT_MEANING = {
    "retry": "an enqueue is one statement in your transaction: it is there or it raises",
    "retry_policy": "an enqueue is one statement in your transaction: it is there or it raises",
    "routing_key": "a job goes into the queue that queue= names, or the task's own",
    "exchange": "a job goes into the queue that queue= names, or the task's own",
    "compression": "PostgreSQL compresses what is large by itself",
    "producer": "give connection= to enqueue in a transaction of yours",
}


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
    task: str,
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    options: Mapping[str, Any],
    zone: tzinfo = UTC,
    bound: Bound | None = None,
) -> NewJob:
    """Return the job that a call with these options means; `zone` is that of times without one.

    `bound` returns the arguments by the names of the task's parameters, if they are known.

    Raises `InvalidOption` for an option that is unknown or out of its range, and `InvalidPayload`
    for a value that JSON cannot hold.

    >>> job = new_job("mail.send", [42], {}, {"queue": "mail", "countdown": 60})
    >>> job.queue, job.countdown, job.args
    ('mail', 60.0, '[42]')
    """
    refuse_unknown(options, Options.__annotations__, "a call")
    say_without_meaning(options)
    expires = options.get("expires")
    absolute = isinstance(expires, (datetime, str))
    headers = checked_headers(options.get("headers"))
    unique = None
    if not options.keys().isdisjoint(UNIQUE):
        unique = unique_of(task, options, bound)
    headers = noted(headers, _limits(options), _notes(options, unique))
    for name in ("link", "link_error"):
        if options.get(name):
            raise InvalidOption(
                f"{name}= makes a canvas of a call, which is sent by itself: use apply_async() or "
                "send_task()"
            )
    countdown, eta = options.get("countdown"), options.get("eta")
    if countdown is not None and eta is not None:
        raise InvalidOption("countdown= and eta= say the same thing: give one of them")
    queue, priority = options.get("queue"), options.get("priority")
    parent_id, root_id = _family(options)
    return NewJob(
        id=uuid7() if options.get("task_id") is None else job_id(options["task_id"]),
        task=checked_name("task", task),
        args=encode(list(args), at="args"),
        kwargs=encode(dict(kwargs), at="kwargs") if kwargs else "{}",
        queue="default" if queue is None else checked_name("queue", queue),
        priority=0 if priority is None else checked_priority(priority),
        max_attempts=max_attempts(options["max_retries"]) if "max_retries" in options else None,
        countdown=0.0 if countdown is None else checked_seconds("countdown", countdown),
        eta=None if eta is None else checked_moment("eta", eta, zone),
        expires=checked_moment("expires", expires, zone) if absolute else None,
        expires_in=None if absolute or expires is None else checked_seconds("expires", expires),
        headers=None if not headers else encode(dict(headers), at="headers"),
        notify=bool(options.get("notify", True)),
        chosen=options.get("task_id") is not None,
        parent_id=parent_id,
        root_id=root_id,
        unique=unique,
    )


def in_its_family(job: NewJob) -> NewJob:
    """Return a job with its parent and root, if it is enqueued in a run of another one."""
    if current.get() is None:
        return job
    parent_id, root_id = _family({})
    return job._replace(parent_id=parent_id, root_id=root_id)


def _family(options: Mapping[str, Any]) -> tuple[UUID | None, UUID | None]:
    """Return the ids of a job's parent and root: of the run that this is in, or as they are given.

    >>> _family({"parent_id": "0198c0de-0000-7000-8000-000000000001"})[0].version
    7
    """
    request = current.get()
    parent_id, root_id = options.get("parent_id"), options.get("root_id")
    if request is not None:
        if parent_id is None and options.get("add_to_parent", True):
            parent_id = request.id
        if root_id is None:
            root_id = request.root_id or request.id
    return (
        None if parent_id is None else job_id(parent_id),
        None if root_id is None else job_id(root_id),
    )


def zone_of(database: object, options: Mapping[str, Any]) -> tzinfo:
    """Return the time zone in which an application means the times of a call that say none.

    >>> zone_of(object(), {})
    datetime.timezone.utc
    """
    if "eta" not in options and "expires" not in options:  # most calls
        return UTC
    zone: tzinfo | None = getattr(getattr(database, "conf", None), "zone", None)
    return zone or UTC


def _notes(options: Mapping[str, Any], unique: Unique | None) -> dict[str, Any]:
    notes: dict[str, Any] = {}
    if unique is not None:  # for who runs it again: see sql/functions/retry.sql
        notes["unique"] = unique.key
    if options.get("ignore_result") is not None:
        notes["ignore_result"] = bool(options["ignore_result"])
    if options.get("limit_key") is not None:
        notes["limit_key"] = checked_name("limit_key", options["limit_key"])
    if options.get("shadow") is not None:
        notes["shadow"] = checked_name("shadow", options["shadow"])
    return notes


_warned: set[str] = set()


def say_without_meaning(options: Mapping[str, Any]) -> None:
    """Warn, once each, of options that mean nothing here; refuse a serializer that is not JSON."""
    serializer = options.get("serializer")
    if serializer not in (None, "json"):
        raise InvalidOption(
            f"serializer={serializer!r}: arguments are JSON, and only that; pass what pickle would "
            "have carried as plain values, or its key in a table"
        )
    for name in options.keys() & WITHOUT_MEANING.keys():
        if options[name] is not None and name not in _warned:
            _warned.add(name)
            reason = WITHOUT_MEANING[name]
            warnings.warn(f"{name}= has no meaning in pgqueue: {reason}", stacklevel=5)


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


def checked_headers(value: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """Return a job's headers if they can be its user's; refuse what is no dict, and our own key."""
    if not isinstance(value, Mapping | None):
        raise InvalidOption(f"headers={value!r}: give a dict")
    if value and RESERVED in value:
        raise InvalidOption(f"headers={value!r}: {RESERVED!r} is taken; use another key")
    return value


def checked_seconds(name: str, value: object) -> float:
    """Return a span of time in seconds; refuse what is none, or longer than a thousand years."""
    if isinstance(value, (int, float)) and abs(value) <= MAX_DELAY:
        return float(value)
    raise InvalidOption(f"{name}={value!r}: give a number of seconds")


def checked_moment(name: str, value: object, zone: tzinfo = UTC) -> datetime:
    """Return a point in time, in `zone` if it says none itself; refuse what is no such thing.

    A text is one in ISO 8601, as `self.request.expires` is.

    >>> checked_moment("eta", "2026-11-22T12:00:00")
    datetime.datetime(2026, 11, 22, 12, 0, tzinfo=datetime.timezone.utc)
    """
    if isinstance(value, str):
        with suppress(ValueError):
            value = datetime.fromisoformat(value)
    if not isinstance(value, datetime):
        raise InvalidOption(f"{name}={value!r}: give a datetime, or its text in ISO 8601")
    return value if value.utcoffset() is not None else value.replace(tzinfo=zone)


def refuse_unknown(options: Mapping[str, Any], known: Mapping[str, Any], place: str) -> None:
    """Raise `InvalidOption` for an option that there is not, with the nearest name."""
    for name in sorted(options.keys() - known.keys()):
        near = nearest(name, known)
        hint = f"did you mean {near}=?" if near else "there are: " + ", ".join(known)
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
