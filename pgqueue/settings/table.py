"""Every setting of Celery 5.7 and what it means here: the one list that all else is made from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

from pgqueue.settings.meaningless import meaningless

Meaning = Literal["same", "differs", "none"]
Kind = Literal[
    "any", "bool", "count", "dict", "json", "content", "names", "priority", "queues", "seconds",
    "text", "zone",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Setting:
    """A setting: what it means compared with Celery, and a note that says how, or why it does not.

    `meaning` is "same", "differs" or "none"; `kind` is what its value must be; `old` are the names
    that Celery 3 had for it; `ours`: it has no counterpart in Celery.
    """

    name: str
    meaning: Meaning
    note: str
    kind: Kind = "any"
    default: Any = None
    old: tuple[str, ...] = ()
    ours: bool = False


#: Names that Celery 3 made in another way than from the new name: see `_old`.
_ODD = {
    "database_engine_options": "CELERY_RESULT_ENGINE_OPTIONS",
    "database_short_lived_sessions": "CELERY_RESULT_DB_SHORT_LIVED_SESSIONS",
    "database_table_names": "CELERY_RESULT_DB_TABLENAMES",
    "database_url": "CELERY_RESULT_DBURI",
    "result_cache_max": "CELERY_MAX_CACHED_RESULTS",
    "result_expires": "CELERY_TASK_RESULT_EXPIRES",
    "task_compression": "CELERY_MESSAGE_COMPRESSION",
    "task_eager_propagates": "CELERY_EAGER_PROPAGATES_EXCEPTIONS",
    "task_protocol": "CELERY_TASK_PROTOCOL",
    "task_publish_retry": "CELERY_TASK_PUBLISH_RETRY",
    "task_publish_retry_policy": "CELERY_TASK_PUBLISH_RETRY_POLICY",
    "task_send_sent_event": "CELERY_SEND_TASK_SENT_EVENT",
    "task_serializer": "CELERY_TASK_SERIALIZER",
    "task_soft_time_limit": "CELERYD_TASK_SOFT_TIME_LIMIT",
    "task_time_limit": "CELERYD_TASK_TIME_LIMIT",
    "worker_direct": "CELERY_WORKER_DIRECT",
    "worker_disable_rate_limits": "CELERY_DISABLE_RATE_LIMITS",
    "worker_enable_remote_control": "CELERY_ENABLE_REMOTE_CONTROL",
    "worker_lost_wait": "CELERYD_WORKER_LOST_WAIT",
    "worker_redirect_stdouts": "CELERY_REDIRECT_STDOUTS",
    "worker_redirect_stdouts_level": "CELERY_REDIRECT_STDOUTS_LEVEL",
    "worker_send_task_events": "CELERY_SEND_EVENTS",
}
_OLD_PREFIXES = {"task_": "CELERY_", "worker_": "CELERYD_", "beat_": "CELERYBEAT_"}
_OLD_WITHOUT = ("accept_content", "imports", "include", "timezone", "enable_utc")
_CELERY_FIRST = (
    *("arangodb_", "cache_", "couchbase_", "elasticsearch_", "event_", "mongodb_", "redis_"),
    *("result_", "security_"),
)


def _old(name: str) -> tuple[str, ...]:
    if name in _ODD:
        return (_ODD[name],)
    for prefix, old in _OLD_PREFIXES.items():
        if name.startswith(prefix):
            return (old + name.removeprefix(prefix).upper(),)
    prefixed = name in _OLD_WITHOUT or name.startswith(_CELERY_FIRST)
    return ("CELERY_" + name.upper(),) if prefixed else (name.upper(),)


def _row(
    name: str, meaning: Meaning, note: str, kind: Kind = "any", default: Any = None
) -> Setting:
    return Setting(name, meaning, note, kind, default, _old(name))


def _same(name: str, note: str, kind: Kind = "any", default: Any = None) -> Setting:
    return _row(name, "same", note, kind, default)


def _differs(name: str, note: str, kind: Kind = "any", default: Any = None) -> Setting:
    return _row(name, "differs", note, kind, default)


_KNOWN: tuple[Setting, ...] = (
    # ── modules, time, values ──
    _same("include", "modules with tasks, imported by workers", "names", ()),
    _same(
        "imports", "modules with tasks, imported by workers before those of include", "names", ()
    ),
    _same("timezone", "the zone of schedules, and of an eta without one; None: UTC", "zone"),
    _differs(
        "enable_utc",
        "times are stored in UTC always; False without timezone: an eta without a zone is local",
        "bool",
        default=True,
    ),
    _differs(
        "accept_content", "values are JSON; a list without json is refused", "content", ("json",)
    ),
    _differs("result_accept_content", "the same", "content"),
    _differs("task_serializer", "json; others are refused", "json", "json"),
    _differs("result_serializer", "json; others are refused", "json", "json"),
    # ── tasks ──
    _same("task_annotations", "options for tasks by name, or for all of them under '*'"),
    _same("task_always_eager", "calls run the task in place", "bool", default=False),
    _same("task_eager_propagates", "errors of such calls are raised", "bool", default=False),
    _same(
        "task_store_eager_result",
        "such a call leaves a finished job, for those who ask for its id",
        "bool",
        default=False,
    ),
    _same("task_default_rate_limit", "of tasks that have none, such as '10/m'"),
    _same("task_ignore_result", "return values are not stored", "bool", default=False),
    _same(
        "task_store_errors_even_if_ignored",
        "errors of such tasks are stored; they always are here",
        "bool",
        default=False,
    ),
    _same("task_soft_time_limit", "of tasks that have none, in seconds", "seconds"),
    _same("task_time_limit", "of tasks that have none, in seconds", "seconds"),
    _differs("task_acks_late", "jobs always end late, as with True; False is remarked on", "bool"),
    _differs(
        "task_reject_on_worker_lost",
        "jobs of a lost worker always run again, as with True",
        "bool",
    ),
    _differs("task_track_started", "STARTED is always known", "bool", default=False),
    _differs(
        "task_publish_retry",
        "a call outside of a transaction is sent again where that is safe",
        "bool",
        default=True,
    ),
    _differs("task_publish_retry_policy", "kept, not used: the call says how often", "dict"),
    # ── queues ──
    _differs(
        "task_default_queue", "the same; it is 'default' if you say nothing", "text", "default"
    ),
    _differs("task_default_priority", "0 to 9, and 9 is first", "priority"),
    _same(
        "task_routes", "queues by the names of tasks: a dict, globs, patterns, functions, a list"
    ),
    _differs("task_queues", "names: what a worker without -Q serves", "queues"),
    _differs(
        "task_create_missing_queues",
        "a queue need not be made: it is there once a job waits in it",
        "bool",
        default=True,
    ),
    # ── results ──
    _differs(
        "result_expires",
        "how long finished jobs are kept is said in the database, in pgqueue.retention",
        default=timedelta(days=1),
    ),
    _differs("result_extended", "name and arguments of a job are always kept", "bool"),
    # ── worker ──
    _same("worker_concurrency", "how many jobs run at once, unless -c says it", "count"),
    _same("worker_max_tasks_per_child", "unless --max-tasks-per-child says it", "count"),
    _same("worker_max_memory_per_child", "KiB, unless --max-memory-per-child says it", "count"),
    _same("worker_disable_rate_limits", "no task has a rate", "bool", default=False),
    _same("worker_hijack_root_logger", "False leaves the root logger alone", "bool", default=True),
    _same("worker_log_format", "of lines that are not about a task", "text"),
    _same("worker_log_datefmt", "of the time in these lines", "text"),
    _same("worker_task_log_format", "of lines that a task logs", "text"),
    _same("worker_task_log_datefmt", "of the time in these lines", "text"),
    _differs("worker_soft_shutdown_timeout", "use --grace: 25 seconds if it is not given", "any"),
    # ── beat ──
    _same("beat_schedule", "what is to be enqueued when", "dict", {}),
    _differs("beat_scheduler", "schedules are kept in PostgreSQL, whatever it says"),
    _differs("beat_schedule_filename", "schedules are kept in PostgreSQL, not in a file"),
    _differs("beat_max_loop_interval", "kept, not used: the scheduler sleeps until it is time"),
    _differs("beat_sync_every", "kept, not used: every change is written at once"),
    _differs("beat_cron_starting_deadline", "kept, not used: say catch_up of a schedule"),
)

_OURS: tuple[Setting, ...] = (
    Setting("dsn", "same", "the database, if PgQueue(dsn=…) does not say it", "text", ours=True),
    Setting("listen_dsn", "same", "a direct connection for wake-ups, likewise", "text", ours=True),
)

#: By name.
SETTINGS: dict[str, Setting] = {
    each.name: each
    for each in (
        *_OURS,
        *_KNOWN,
        *(_row(name, "none", note) for name, note in meaningless()),
    )
}
