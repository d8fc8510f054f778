"""pgqueue: a transactional job queue for Python on PostgreSQL alone."""

from pgqueue.app import PgQueue, current_app, current_task, get_current_task
from pgqueue.bulk import Enqueued
from pgqueue.canvas.kinds import chain, chord, group
from pgqueue.canvas.repeated import chunks, xmap, xstarmap
from pgqueue.canvas.results import GroupResult
from pgqueue.canvas.sets import ResultSet
from pgqueue.canvas.signature import Signature, maybe_signature, signature
from pgqueue.cron import crontab
from pgqueue.eager_result import EagerResult
from pgqueue.errors import (
    ChordError,
    ConfigurationError,
    DuplicateJob,
    EnqueueRefused,
    Ignore,
    InvalidCall,
    InvalidOption,
    InvalidPayload,
    InvalidWait,
    JobError,
    MaxRetriesExceededError,
    PgQueueError,
    QueueFull,
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
from pgqueue.joining import allow_join_result
from pgqueue.result import AsyncResult
from pgqueue.settings import ConfigurationWarning, celery_setting
from pgqueue.shared import shared_task
from pgqueue.sun import solar
from pgqueue.task import Task
from pgqueue.ticks import schedule

__version__ = "0.1.0"

__all__ = [
    "AsyncResult",
    "ChordError",
    "ConfigurationError",
    "ConfigurationWarning",
    "DuplicateJob",
    "EagerResult",
    "EnqueueRefused",
    "Enqueued",
    "GroupResult",
    "Ignore",
    "InvalidCall",
    "InvalidOption",
    "InvalidPayload",
    "InvalidWait",
    "JobError",
    "MaxRetriesExceededError",
    "PgQueue",
    "PgQueueError",
    "QueueFull",
    "Reject",
    "ResultSet",
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
    "celery_setting",
    "chain",
    "chord",
    "chunks",
    "crontab",
    "current_app",
    "current_task",
    "get_current_task",
    "group",
    "maybe_signature",
    "schedule",
    "shared_task",
    "signature",
    "solar",
    "xmap",
    "xstarmap",
]
