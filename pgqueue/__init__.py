"""pgqueue: a transactional job queue for Python on PostgreSQL alone."""

from pgqueue.app import PgQueue, current_app, current_task, get_current_task
from pgqueue.bulk import Enqueued
from pgqueue.errors import (
    ConfigurationError,
    InvalidCall,
    InvalidOption,
    InvalidPayload,
    JobError,
    MaxRetriesExceededError,
    PgQueueError,
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
from pgqueue.result import AsyncResult
from pgqueue.settings import ConfigurationWarning, celery_setting
from pgqueue.shared import shared_task
from pgqueue.signature import Signature
from pgqueue.task import Task

__version__ = "0.1.0"

__all__ = [
    "AsyncResult",
    "ConfigurationError",
    "ConfigurationWarning",
    "Enqueued",
    "InvalidCall",
    "InvalidOption",
    "InvalidPayload",
    "JobError",
    "MaxRetriesExceededError",
    "PgQueue",
    "PgQueueError",
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
    "celery_setting",
    "current_app",
    "current_task",
    "get_current_task",
    "shared_task",
]
