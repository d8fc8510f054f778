"""What `self.retry` changes of a job: pure."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from typing import Any, NamedTuple, TypedDict

from pgqueue.codec import encode
from pgqueue.errors import InvalidOption
from pgqueue.limits import checked_limits, noted
from pgqueue.options import (
    checked_headers,
    checked_moment,
    checked_name,
    checked_priority,
    checked_seconds,
    refuse_unknown,
    say_without_meaning,
)
from pgqueue.request import Request


class RetryOptions(TypedDict, total=False):
    """The options of `self.retry(...)`, as they are in a call; they hold from now on.

    What is not given stays; for `queue` and `priority`, None is not given. `headers` take the place
    of those that the job has. The others mean nothing here, see `WITHOUT_MEANING`.
    """

    queue: str | None
    priority: int | None
    expires: float | datetime | str | None
    headers: Mapping[str, Any] | None
    time_limit: float | None
    soft_time_limit: float | None
    ignore_result: bool | None
    shadow: str | None
    serializer: str | None
    retry: bool | None
    retry_policy: Mapping[str, Any] | None
    routing_key: str | None
    exchange: Any
    compression: str | None
    producer: Any


class Changes(NamedTuple):
    """What of a job is another from its next attempt on, as texts; empty: it stays.

    `expires` is a time, 'infinity' for never; `headers` are JSON of all that it has then.
    """

    args: str = ""
    kwargs: str = ""
    queue: str = ""
    priority: str = ""
    expires: str = ""
    expires_in: str = ""
    headers: str = ""


_LINKED = "what follows a job is said by its call; a job with other links can take its place: "
#: Options of a call that a retry cannot have, and what to do instead.
_OF_CALLS = {
    "task_id": "the job keeps its id; call the task to have another one",
    "link": f"{_LINKED}raise self.replace(self.si(…).set(link=…))",
    "link_error": f"{_LINKED}raise self.replace(self.si(…).set(link_error=…))",
    "limit_key": "the job keeps the key of its limits; call the task to have another one",
}
#: Options that are kept in a job's headers.
_NOTED = ("time_limit", "soft_time_limit", "ignore_result", "shadow")


def changes_of(
    request: Request,
    args: Sequence[Any] | None,
    kwargs: Mapping[str, Any] | None,
    options: Mapping[str, Any],
    zone: tzinfo = UTC,
) -> Changes:
    """Return what a retry of this run changes, with these arguments (None: they stay) and options.

    Raises `InvalidOption`, and `InvalidPayload` for what JSON cannot hold.

    >>> changes_of(Request(), [1], None, {"priority": 9})[:4]
    ('[1]', '', '', '9')
    >>> changes_of(Request(headers={"trace": "t"}), None, None, {"time_limit": 5}).headers
    '{"trace":"t","pgqueue":{"time_limit":5.0}}'
    """
    if barred := options.keys() & _OF_CALLS.keys():
        name = min(barred)
        raise InvalidOption(f"retry({name}=…): {_OF_CALLS[name]}")
    refuse_unknown(options, RetryOptions.__annotations__, "a retry")
    say_without_meaning(options)
    queue, priority = options.get("queue"), options.get("priority")
    expires, expires_in = _expiry(options, zone)
    return Changes(
        "" if args is None else encode(list(args), at="args"),
        "" if kwargs is None else encode(dict(kwargs), at="kwargs"),
        "" if queue is None else checked_name("queue", queue),
        "" if priority is None else str(checked_priority(priority)),
        expires,
        expires_in,
        _headers(request, options),
    )


def _expiry(options: Mapping[str, Any], zone: tzinfo) -> tuple[str, str]:
    if "expires" not in options:
        return "", ""
    expires = options["expires"]
    if expires is None:
        return "infinity", ""
    if isinstance(expires, (datetime, str)):
        return checked_moment("expires", expires, zone).isoformat(), ""
    return "", str(checked_seconds("expires", expires))


def _headers(request: Request, options: Mapping[str, Any]) -> str:
    """Return the headers that a job is to have, with its notes, if these or those are others."""
    own = checked_headers(options.get("headers"))
    if own is None and options.keys().isdisjoint(_NOTED):
        return ""
    notes = dict(request.notes or {})
    notes |= {name: options[name] for name in _NOTED if name in options}
    limits = checked_limits(notes.pop("time_limit", None), notes.pop("soft_time_limit", None))
    if notes.get("shadow") is not None:
        checked_name("shadow", notes["shadow"])
    if notes.get("ignore_result") is not None:
        notes["ignore_result"] = bool(notes["ignore_result"])
    notes = {name: value for name, value in notes.items() if value is not None}
    headers = noted(request.headers if own is None else own, limits, notes)
    return encode(dict(headers or {}), at="headers")


def following(
    signature: inspect.Signature,
    request: Request,
    args: Sequence[Any] | None,
    kwargs: Mapping[str, Any] | None,
) -> tuple[Sequence[Any] | None, Mapping[str, Any] | None]:
    """Return the arguments of the next attempt, None for those that stay.

    What is given takes the place of what this attempt was given for the same parameters, by
    position or by name; the rest stays.

    >>> signature = inspect.signature(lambda place, width=1: None)
    >>> following(signature, Request(args=["a"], kwargs={"width": 2}), ["b", 3], None)
    (['b', 3], {})
    >>> following(signature, Request(args=["a"]), None, {"place": "b"})
    (('b',), {})
    """
    parameters = signature.parameters.values()
    if args is not None and kwargs is None and request.kwargs:
        by_position = [p for p in parameters if p.kind in _BY_POSITION]
        taken = {p.name for p in by_position[: len(args)] if p.kind is p.POSITIONAL_OR_KEYWORD}
        return args, {name: v for name, v in request.kwargs.items() if name not in taken}
    if kwargs is not None and args is None and request.args:
        try:
            bound = signature.bind_partial(*request.args)
        except TypeError:
            return None, kwargs  # the next attempt fails with it, as this one should have
        kinds = {p.name: p.kind for p in parameters}
        rest = dict(kwargs)
        for name in kwargs:
            if name in bound.arguments and kinds[name] is inspect.Parameter.POSITIONAL_OR_KEYWORD:
                bound.arguments[name] = rest.pop(name)
        return bound.args, {**bound.kwargs, **rest}
    return args, kwargs


_BY_POSITION = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
