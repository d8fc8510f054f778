"""Every error that pgqueue raises, in three families.

::

    PgQueueError
    ├── UsageError                    you misused the library; nothing was done
    │   ├── ConfigurationError        a setting is missing or wrong
    │   ├── InvalidPayload            a value cannot be stored as JSON (also a ValueError)
    │   ├── InvalidOption             an option of a call is out of its range (also a ValueError)
    │   ├── InvalidCall               arguments do not fit the task's signature (also a TypeError)
    │   ├── UnknownTask               no task is registered under this name (also a LookupError)
    │   └── SchemaMismatch            the database's schema is missing, older or newer
    ├── TaskSignal                    a task speaks to the worker
    │   ├── Retry                     "run me again later"
    │   └── Ignore                    "I have ended by myself: note nothing"
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


class UnknownTask(UsageError, LookupError):  # noqa: N818 (reads as a sentence)
    """No task is registered under this name."""


class SchemaMismatch(UsageError):  # noqa: N818 (reads as a sentence)
    """The schema in the database is missing, older or newer than this release needs."""


class TaskSignal(PgQueueError):  # noqa: N818 (a message, not a failure)
    """What a task raises to tell the worker something."""


class Retry(TaskSignal):
    """Raised by `self.retry(...)`: run this job again after `countdown` seconds."""

    def __init__(
        self, message: str = "", *, exc: BaseException | None = None, countdown: float = 0
    ) -> None:
        super().__init__(message or (f"retry: {exc!r}" if exc else "retry"))
        self.exc = exc
        self.countdown = countdown


class Ignore(TaskSignal):
    """Raised by `self.replace(...)`: this run has ended, and what becomes of the job is settled."""


class JobError(PgQueueError):
    """What became of a job."""


class TaskFailed(JobError):  # noqa: N818 (a fact about the task)
    """The task raised, and its retries are used up.

    `type` is the name of the original exception's class, `message` its text, `traceback` its
    traceback as text: data, never an imported class.
    """

    def __init__(self, type: str, message: str, traceback: str | None = None) -> None:  # noqa: A002
        super().__init__(f"{type}: {message}" if message else type)
        self.type = type
        self.message = message
        self.traceback = traceback


class MaxRetriesExceededError(TaskFailed):
    """`self.retry()` was called without an exception, and no retries are left."""

    def __init__(self, message: str) -> None:
        super().__init__("MaxRetriesExceededError", message)

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
