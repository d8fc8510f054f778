"""pgqueue: a transactional job queue for Python on PostgreSQL alone."""

from pgqueue.app import PgQueue
from pgqueue.bulk import Enqueued
from pgqueue.eager_result import EagerResult
from pgqueue.errors import (
    ConfigurationError,
    Ignore,
    InvalidCall,
    InvalidOption,
    InvalidPayload,
    InvalidWait,
    JobError,
    MaxRetriesExceededError,
    PgQueueError,
    Reject,
    ResultTimeout,
    Retry,
    SchemaMismatch,
    SoftTimeLimitExceeded,
    StaleClaim,
    TaskFailed,
    TaskRevokedError,
    TaskSignal,
    TimeLimitExceeded,
    UnknownTask,
    UsageError,
)
from pgqueue.result import AsyncResult, allow_join_result
from pgqueue.signature import Signature
from pgqueue.task import Task

__version__ = "0.1.0"

__all__ = [
    "AsyncResult",
    "ConfigurationError",
    "EagerResult",
    "Enqueued",
    "Ignore",
    "InvalidCall",
    "InvalidOption",
    "InvalidPayload",
    "InvalidWait",
    "JobError",
    "MaxRetriesExceededError",
    "PgQueue",
    "PgQueueError",
    "Reject",
    "ResultTimeout",
    "Retry",
    "SchemaMismatch",
    "Signature",
    "SoftTimeLimitExceeded",
    "StaleClaim",
    "Task",
    "TaskFailed",
    "TaskRevokedError",
    "TaskSignal",
    "TimeLimitExceeded",
    "UnknownTask",
    "UsageError",
    "__version__",
    "allow_join_result",
]
