"""What happens around a run: signals to the application, and the handlers of a task's class.

Decided purely, then done: each moment of a run returns the calls that are due, in Celery's order,
and `act` (or `aact`, in a coroutine) makes them. When nobody listens there are none, and what that
costs is a look.
"""

from __future__ import annotations

import inspect
import logging
import time
from collections.abc import Callable, Mapping
from functools import cached_property
from types import TracebackType
from typing import Any, NamedTuple, cast

from pgqueue.describe import describe_exception, exc_info_of, traceback_of
from pgqueue.errors import Retry
from pgqueue.request import Request, current
from pgqueue.signals import (
    Signal,
    run_to_its_end,
    task_failure,
    task_internal_error,
    task_postrun,
    task_prerun,
    task_received,
    task_rejected,
    task_retry,
    task_revoked,
    task_success,
    task_unknown,
)
from pgqueue.task import Task

log = logging.getLogger("pgqueue.task")

HANDLERS = ("before_start", "on_success", "on_retry", "on_failure", "after_return")


class ExceptionInfo:
    r"""What handlers and receivers get as `einfo`: an exception with its traceback as text.

    `type`, `exception`, `tb` (the traceback object), `traceback` (text, cut as it is stored),
    `exc_info` (the three together); `str()` is the text.

    >>> info = ExceptionInfo(ValueError("no"))
    >>> info.type.__name__, str(info)
    ('ValueError', 'ValueError: no\n')
    """

    def __init__(self, exception: BaseException, *, internal: bool = False) -> None:
        self.exception = exception
        self.type = type(exception)
        #: Whether it is about what a task says to the worker, and not about an error of its own.
        self.internal = internal

    @property
    def tb(self) -> TracebackType | None:
        """The traceback object."""
        return traceback_of(self.exception)

    @cached_property
    def traceback(self) -> str:
        """The traceback as text."""
        return describe_exception(self.exception)[1]

    @property
    def exc_info(self) -> tuple[type[BaseException], BaseException, TracebackType | None]:
        """What `logging` takes as `exc_info`."""
        return self.type, self.exception, self.tb

    def __str__(self) -> str:
        return self.traceback

    def __repr__(self) -> str:
        return f"<ExceptionInfo: {self.type.__name__}>"


class Call(NamedTuple):
    """A signal to send, or a handler to call.

    What a `strict` one raises is the task's own exception. If one that is `guarded` raises,
    receivers of `task_internal_error` hear of it.
    """

    target: Signal | Callable[..., Any]
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = {}
    strict: bool = False
    guarded: bool = False


Calls = tuple[Call, ...]
NOTHING: Calls = ()


_HANDLERS_OF: dict[Any, frozenset[str]] = {}
#: Classes that are known to have none: looked at twice per run.
_PLAIN: set[Any] = set()


def handlers_of(task: Task[Any, Any]) -> frozenset[str]:
    """Return the names of the handlers that the class of a task has of its own."""
    kind = type(task)
    found = _HANDLERS_OF.get(kind)
    if found is None:
        own = (n for n in HANDLERS if getattr(kind, n, None) is not getattr(Task, n, None))
        found = _HANDLERS_OF[kind] = frozenset(own)
        if not found:
            _PLAIN.add(kind)
    return found


# ── the moments of a run ─────────────────────────────────────────────────────────────────────


def begun(task: Task[Any, Any], request: Request) -> Calls:
    """Before the task is called: task_received, task_prerun, before_start."""
    if type(task) in _PLAIN and not (task_prerun.receivers or task_received.receivers):
        return NOTHING
    calls = _sent(task_received, None, request=request)
    calls += _sent(task_prerun, task, **_about(task, request))
    calls += _called(task, "before_start", request.id, request.args, request.kwargs)
    return tuple(call._replace(strict=True) for call in calls)


def succeeded(task: Task[Any, Any], request: Request, value: Any, began: float) -> Calls:
    """When it has returned: on_success, task_success, after_return, task_postrun.

    `began` is when the run did, by `time.monotonic`.
    """
    if type(task) in _PLAIN and not (task_success.receivers or task_postrun.receivers):
        return NOTHING
    calls = _called(task, "on_success", value, request.id, request.args, request.kwargs)
    calls += _sent(task_success, task, result=value, runtime=time.monotonic() - began)
    return calls + _over(task, request, "SUCCESS", value, None)


def retried(task: Task[Any, Any], request: Request, error: BaseException, delay: float) -> Calls:
    """When it is to run again: on_retry, task_retry, task_postrun.

    `error` is the `Retry` that was raised, or what is retried by itself in `delay` seconds.
    """
    if type(task) in _PLAIN and not (task_retry.receivers or task_postrun.receivers):
        return NOTHING
    reason = (
        cast(Retry, error)
        if issubclass(type(error), Retry)  # isinstance() would ask the error, which may lie
        else Retry("retry", exc=error, countdown=delay)
    )
    einfo = ExceptionInfo(reason if reason.exc is None else reason.exc)
    about = (reason.exc, request.id, request.args, request.kwargs, einfo)
    calls = _called(task, "on_retry", *about, guarded=True)
    calls += _sent(task_retry, task, request=request, reason=reason, einfo=einfo)
    return calls + _sent(task_postrun, task, **_about(task, request), retval=reason, state="RETRY")


def failed(task: Task[Any, Any], request: Request, error: BaseException) -> Calls:
    """When it has failed for good: on_failure, task_failure, after_return, task_postrun."""
    if type(task) in _PLAIN and not (task_failure.receivers or task_postrun.receivers):
        return NOTHING
    einfo = ExceptionInfo(error)
    about = (error, request.id, request.args, request.kwargs, einfo)
    calls = _called(task, "on_failure", *about, guarded=True)
    calls += _failure(task, request, error, einfo)
    return calls + _over(task, request, "FAILURE", error, einfo)


def failed_for_others(task: Task[Any, Any], request: Request, error: BaseException) -> Calls:
    """When it has failed otherwise than by an error: was killed, or rejected. task_failure alone.

    As in Celery, which sends it in its parent process, where no handler is called.
    """
    return _failure(task, request, error, ExceptionInfo(error))


def set_aside(task: Task[Any, Any], request: Request, state: str, error: BaseException) -> Calls:
    """When it has raised `Ignore` or `Reject`, so that its state is IGNORED or REJECTED."""
    return _sent(task_postrun, task, **_about(task, request), retval=error, state=state)


def revoked(
    task: Task[Any, Any],
    request: Request,
    *,
    terminated: bool = False,
    signum: int | None = None,
    expired: bool = False,
) -> Calls:
    """When it does not run because it has expired, or was stopped."""
    about = {"request": request, "terminated": terminated, "signum": signum, "expired": expired}
    return _sent(task_revoked, task, **about)


def unknown(name: str, job: str, error: BaseException) -> Calls:
    """When a process was given a job of a task that it does not have."""
    message = {"id": job, "task": name}
    return _sent(task_unknown, None, message=message, exc=error, name=name, id=job)


def unreadable(task: Task[Any, Any], job: str, error: BaseException) -> Calls:
    """When what is stored of a job cannot be read."""
    message = {"id": job, "task": task.name}
    return _sent(task_rejected, None, message=message, exc=error) + _broken(task, job, None, error)


# ── making the calls ─────────────────────────────────────────────────────────────────────────


def act(calls: Calls, request: Request | None = None) -> None:
    """Make the calls of a moment, inside the run; what they raise is logged, unless it is strict.

    What is `async def` runs to its end, in an event loop of its own.
    """
    token = current.set(request)
    try:
        for call in calls:
            try:
                answer = _made(call, "send")
                if inspect.iscoroutine(answer):
                    run_to_its_end(answer)
            except BaseException as error:
                if call.strict:
                    raise
                for consequence in _consequences(call, request, error):
                    _made(consequence, "send")
    finally:
        current.reset(token)


async def aact(calls: Calls, request: Request | None = None) -> None:
    """Make the calls of a moment in a coroutine: what is `async def` is awaited."""
    token = current.set(request)
    try:
        for call in calls:
            try:
                answer = _made(call, "asend")
                if inspect.iscoroutine(answer):
                    await answer
            except BaseException as error:
                if call.strict:
                    raise
                for consequence in _consequences(call, request, error):
                    await _made(consequence, "asend")
    finally:
        current.reset(token)


def _made(call: Call, send: str) -> Any:
    target = getattr(call.target, send) if isinstance(call.target, Signal) else call.target
    return target(*call.args, **call.kwargs)


def _consequences(call: Call, request: Request | None, error: BaseException) -> Calls:
    what = call.target.name if isinstance(call.target, Signal) else call.target.__name__
    who = f"{request.task}[{request.id}]" if request else "?"
    log.error(
        "%s: %s raised; that does not change how the run ended",
        who,
        what,
        exc_info=exc_info_of(error),
    )
    if not call.guarded or request is None:
        return NOTHING
    return _broken(getattr(call.target, "__self__", None), request.id, request, error)


def _about(task: Task[Any, Any], request: Request) -> dict[str, Any]:
    about = {"task_id": request.id, "task": task, "args": request.args}
    return {**about, "kwargs": request.kwargs}


def _sent(signal: Signal, sender: Any, **named: Any) -> Calls:
    return (Call(signal, (sender,), named),) if signal.receivers else NOTHING


def _failure(
    task: Task[Any, Any], request: Request, error: BaseException, einfo: ExceptionInfo
) -> Calls:
    return _sent(
        task_failure,
        task,
        task_id=request.id,
        exception=error,
        args=request.args,
        kwargs=request.kwargs,
        traceback=traceback_of(error),
        einfo=einfo,
    )


def _called(task: Task[Any, Any], handler: str, *args: Any, guarded: bool = False) -> Calls:
    if handler not in handlers_of(task):
        return NOTHING
    return (Call(getattr(task, handler), args, guarded=guarded),)


def _over(
    task: Task[Any, Any], request: Request, state: str, retval: Any, einfo: ExceptionInfo | None
) -> Calls:
    about = (state, retval, request.id, request.args, request.kwargs, einfo)
    calls = _called(task, "after_return", *about)
    return calls + _sent(task_postrun, task, **_about(task, request), retval=retval, state=state)


def _broken(task: Any, job: str, request: Request | None, error: BaseException) -> Calls:
    return _sent(
        task_internal_error,
        task,
        task_id=job,
        args=request.args if request else None,
        kwargs=request.kwargs if request else None,
        request=request,
        exception=error,
        traceback=traceback_of(error),
        einfo=ExceptionInfo(error, internal=True),
    )
