"""Every error that pgqueue raises, in four families.

::

    PgQueueError
    ├── UsageError                    you misused the library; nothing was done
    │   ├── ConfigurationError        a setting is missing or wrong
    │   ├── InvalidPayload            a value cannot be stored as JSON (also a ValueError)
    │   ├── InvalidOption             an option of a call is out of its range (also a ValueError)
    │   ├── InvalidCall               arguments do not fit the task's signature (also a TypeError)
    │   ├── InvalidWait               a task waits for a result (also a RuntimeError)
    │   ├── UnknownTask               no task is registered under this name (also a LookupError)
    │   └── SchemaMismatch            the database's schema is missing, older or newer
    ├── EnqueueRefused                the database would not take a job; nothing was enqueued
    │   ├── DuplicateJob              another job holds its unique key
    │   └── QueueFull                 as many jobs wait in its queue as may
    ├── TaskSignal                    a task speaks to the worker
    │   ├── Retry                     "run me again later"
    │   ├── Reject                    "I am not for you", for good or back to the queue
    │   └── Ignore                    "note neither a result nor an error"
    └── JobError                      what became of a job
        ├── TaskFailed                it raised, and its retries are used up
        │   ├── MaxRetriesExceededError
        │   ├── ChordError                a task of a chord's header did not succeed
        │   └── TimeLimitExceeded     its process was killed, because it ran for too long
        ├── SoftTimeLimitExceeded     it runs for too long; raised in the task, which may end
        ├── TaskRevokedError          it was cancelled or expired
        ├── ResultTimeout             it had not finished in time (also a TimeoutError)
        └── StaleClaim                another worker owns it now

The message of an error names the value, the place and the remedy.
"""

from __future__ import annotations

import builtins
from functools import cache
from typing import Any


class PgQueueError(Exception):
    """The root of pgqueue's errors."""

    def __reduce__(self) -> tuple[Any, ...]:
        # Without __init__, whose parameters are not `args`: a process pool breaks on an exception
        # that it cannot unpickle.
        return type(self).__new__, (type(self), *self.args), self.__dict__


class UsageError(PgQueueError):
    """The library was misused; nothing was done."""


class ConfigurationError(UsageError):
    """A setting is missing or wrong."""


class InvalidPayload(UsageError, ValueError):  # noqa: N818 (a state of the value, not of the program)
    """A value cannot be stored as JSON; the message begins with the path of the value."""


class InvalidOption(UsageError, ValueError):  # noqa: N818 (the same)
    """An option of a call is out of its range."""


class InvalidCall(UsageError, TypeError):  # noqa: N818 (a state of the call)
    """The arguments do not fit the signature of the task."""


class InvalidWait(UsageError, RuntimeError):  # noqa: N818 (a state of the call)
    """A task waits for the result of a job: with enough of them, no slot is left to run one."""


class UnknownTask(UsageError, LookupError):  # noqa: N818 (reads as a sentence)
    """No task is registered under this name."""


class SchemaMismatch(UsageError):  # noqa: N818 (reads as a sentence)
    """The schema in the database is missing, older or newer than this release needs."""


class EnqueueRefused(PgQueueError):  # noqa: N818 (a state of the queue, not of the program)
    """The database would not take a job, for a reason that may pass; nothing was enqueued."""


class DuplicateJob(EnqueueRefused):
    """Another job holds the unique key of this call, whose `on_duplicate` is 'raise'.

    `id` is that job's.
    """

    def __init__(self, message: str, id: str | None = None) -> None:  # noqa: A002 (what it is)
        super().__init__(message)
        self.id = id


class QueueFull(EnqueueRefused):
    """As many jobs wait in the queue as may, by `pgq queues limit`.

    PostgreSQL has refused the statement, so a transaction that it was part of can only be rolled
    back, to a savepoint if there is one.
    """


class TaskSignal(PgQueueError):  # noqa: N818 (a message, not a failure)
    """What a task raises to tell the worker something."""


class Retry(TaskSignal):
    """Raised by `self.retry(...)`: run this job again after `countdown` seconds.

    `exc` is what went wrong; what of the job is another in the next attempt is in `changes`.
    """

    def __init__(
        self,
        message: str = "",
        *,
        exc: BaseException | None = None,
        countdown: float = 0,
        changes: tuple[str, ...] | None = None,
    ) -> None:
        super().__init__(message or ("retry" if exc is None else f"retry: {exc!r}"))
        self.exc = exc
        self.countdown = countdown
        #: Texts, each empty if it stays: see `pgqueue.changes.Changes`.
        self.changes = changes


class Reject(TaskSignal):
    """Raised by a task that cannot take this job: it fails with `reason`, and is not retried.

    With `requeue` it goes back to the queue instead, at its old place, and the attempt is not
    counted; another worker, or this one, takes it at once.
    """

    def __init__(self, reason: object = None, requeue: bool = False) -> None:
        super().__init__("" if reason is None else str(reason))
        self.reason = reason
        self.requeue = requeue


class Ignore(TaskSignal):
    """Raised by a task whose run leaves neither a result nor an error; its state is IGNORED.

    After `self.update_state` with SUCCESS, FAILURE or REVOKED, the job ends in that state, with
    that `meta`.
    """


class JobError(PgQueueError):
    """What became of a job."""


class TaskFailed(JobError):  # noqa: N818 (a fact about the task)
    """The task raised, and its retries are used up.

    `type` is the name of the original exception's class, `message` its text, `traceback` its
    traceback as text: data, never an imported class. Where the class is one that is built into
    Python, what is raised is also of it, so that `except KeyError` works; see `task_failed`.
    """

    def __init__(self, type: str, message: str, traceback: str | None = None) -> None:  # noqa: A002
        super().__init__(f"{type}: {message}" if message else type)
        self.type = type
        self.message = message
        self.traceback = traceback


def task_failed(type: str, message: str, traceback: str | None = None) -> TaskFailed:  # noqa: A002
    """Return the `TaskFailed` that is also the error that the task raised, if that is safe.

    Safe are the exceptions of Python itself and a few of pgqueue: their names are a closed set,
    so that no text from a database ever chooses what is imported or called.

    >>> isinstance(task_failed("KeyError", "'total'"), KeyError)
    True
    >>> task_failed("shop.errors.Declined", "no money")
    TaskFailed('shop.errors.Declined: no money')
    """
    return (_both(type) if type in _RAISED_AS else TaskFailed)(type, message, traceback)


class MaxRetriesExceededError(TaskFailed):
    """`self.retry()` was called without an exception, and no retries are left.

    `task_args` and `task_kwargs` are what the next attempt would have been given.
    """

    def __init__(
        self, message: str, *, task_args: Any = None, task_kwargs: dict[str, Any] | None = None
    ) -> None:
        super().__init__("MaxRetriesExceededError", message)
        self.task_args = task_args
        self.task_kwargs = task_kwargs

    def __str__(self) -> str:
        return self.message


class ChordError(TaskFailed):
    """A task of a chord's header did not succeed, so the body did not run."""

    def __init__(self, message: str) -> None:
        super().__init__("ChordError", message)


class TimeLimitExceeded(TaskFailed):
    """The job ran for longer than its `time_limit`, and its process was killed."""

    def __init__(self, message: str) -> None:
        super().__init__("TimeLimitExceeded", message)


class SoftTimeLimitExceeded(JobError):  # noqa: N818 (Celery's name)
    """Raised in a task that runs for longer than its `soft_time_limit`: it may end by itself."""


class TaskRevokedError(JobError):
    """The job was cancelled, or expired, before it could run."""


class ResultTimeout(JobError, TimeoutError):  # noqa: N818 (Celery users look for a TimeoutError)
    """The job had not finished within the time that the caller would wait."""


class StaleClaim(JobError):  # noqa: N818 (a state of the claim)
    """The claim under which this job runs is no longer its newest: another worker owns it."""


#: Exceptions that a failure may be raised as, by the names that are stored. Left out is what Python
#: itself takes for something else when it is raised, and what is made from other than a text.
_RAISED_AS: dict[str, type[Exception]] = {
    name: kind
    for name, kind in vars(builtins).items()
    if isinstance(kind, type)
    and issubclass(kind, Exception)
    and not issubclass(kind, (StopIteration, StopAsyncIteration, ExceptionGroup))
    and kind not in (Exception, UnicodeDecodeError, UnicodeEncodeError, UnicodeTranslateError)
} | {
    f"{__name__}.{kind.__name__}": kind
    for kind in (MaxRetriesExceededError, TimeLimitExceeded, SoftTimeLimitExceeded)
}


@cache
def _both(name: str) -> type[TaskFailed]:
    kind = _RAISED_AS[name]
    members = {
        "__module__": __name__,
        "__doc__": TaskFailed.__doc__,
        "__init__": TaskFailed.__init__,
        "__str__": Exception.__str__,  # a KeyError's would put quotes around it
        "__reduce__": lambda self: (task_failed, (self.type, self.message, self.traceback)),
    }
    bases = (kind,) if issubclass(kind, TaskFailed) else (TaskFailed, kind)
    made: type[TaskFailed] = type("TaskFailed", bases, members)
    return made
