"""What a run makes of a job that canvas has noted something in: pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Protocol

from pgqueue.canvas.nodes import EACH, STARMAP
from pgqueue.errors import InvalidCall
from pgqueue.outcomes import value_of
from pgqueue.request import Request
from pgqueue.rows import Outcome


class Runnable(Protocol):
    """What a run calls: a task."""

    is_async: bool

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run it."""
        ...

    def check(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
        """Raise `InvalidCall` if the arguments do not fit."""
        ...


def received(task: Runnable, request: Request, note: Mapping[str, Any]) -> Callable[..., Any]:
    """Return what to call for a job with this note; the request's arguments become those of it."""
    if note.get("errback") is True:
        request.args = errback_arguments(task, request.args, request.kwargs)
    if each := note.get("each"):
        starred = each == EACH[STARMAP]
        return partial(_arepeated if task.is_async else _repeated, task, starred)
    return task


def errback_arguments(task: Runnable, args: list[Any], kwargs: Mapping[str, Any]) -> list[Any]:
    """Return an errback's arguments: `(request, exc, traceback)` if it takes them, or the id.

    The first of `args` is what is known of the job that failed, the others were given.
    """
    failed = args[0] if args else None
    if not isinstance(failed, dict) or "id" not in failed:  # somebody wrote it with SQL
        return args
    outcome = Outcome(failed["id"], "failed", None, failed.get("error"), failed.get("traceback"))
    request = Request(
        id=failed["id"],
        task=failed.get("task") or "",
        queue=failed.get("queue") or "",
        args=failed.get("args") or [],
        kwargs=failed.get("kwargs") or {},
        attempt=int(failed.get("retries") or 0) + 1,
        max_retries=None,
        claim=0,
    )
    exc = value_of(outcome, propagate=False)
    three = [request, exc, failed.get("traceback"), *args[1:]]
    try:
        task.check(three, kwargs)
    except InvalidCall:
        return [failed["id"], *args[1:]]
    return three


def _repeated(
    task: Runnable, starred: bool, items: list[Any], *rest: Any, **kwargs: Any
) -> list[Any]:
    return [task(*_of(item, starred), *rest, **kwargs) for item in items]


async def _arepeated(
    task: Runnable, starred: bool, items: list[Any], *rest: Any, **kwargs: Any
) -> list[Any]:
    return [await task(*_of(item, starred), *rest, **kwargs) for item in items]


def _of(item: Any, starred: bool) -> Sequence[Any]:
    return item if starred else (item,)
