"""Settings: what `pgqueue.settings` says of Celery's own, and those of packages beside it."""

from __future__ import annotations

from pgqueue.migrating.knowledge.row import CHANGE, SAME, Row, Verdict, change, rows
from pgqueue.settings import SETTINGS, Setting, celery_setting

#: What differs, and can stay as it is all the same.
_MAY_STAY = {
    *("enable_utc", "accept_content", "result_accept_content", "task_serializer"),
    *("result_serializer", "task_acks_late", "task_reject_on_worker_lost", "task_track_started"),
    *("task_publish_retry", "task_publish_retry_policy", "task_create_missing_queues"),
    *("task_default_queue", "task_queues", "result_extended"),
}
#: What is to be said besides the note.
_OURS = {
    "broker_url": "dsn=",
    "result_backend": "dsn=",
    "database_url": "dsn=",
    "broker_pool_limit": "max_connections=",
    "broker_use_ssl": "dsn=",
    "result_expires": "pgqueue.retention",
    "result_failure_expires": "pgqueue.retention",
    "result_chord_expires": "pgqueue.retention",
    "worker_soft_shutdown_timeout": "pgq worker --grace",
    "worker_enable_soft_shutdown_on_idle": "pgq worker --grace",
    "task_inherit_parent_priority": "priority=",
    "task_default_exchange": "task_default_queue",
    "task_default_routing_key": "task_default_queue",
    "worker_autoscaler": "pool_grow, pool_shrink",
    "worker_direct": "-Q",
}


def _row(setting: Setting) -> Row:
    verdict: Verdict = CHANGE
    if setting.meaning == "same" or setting.name in _MAY_STAY:
        verdict = SAME
    ours = _OURS.get(setting.name, setting.name if verdict == SAME else "")
    note = setting.note
    if setting.meaning == "none" and not ours:
        note = f"can go: {note}"
    return Row("setting", setting.name, verdict, ours, note)


_BESIDE = rows(
    "setting",
    change("couchdb_*", "dynamodb_*", "consul_*", "filesystem_*", "ironcache_*", "rpc_*", "redis_*",
           "mongodb_*", "cassandra_*", "elasticsearch_*", "s3_*", "gcs_*", "azureblockblob_*",
           note="can go: results are in PostgreSQL, beside the jobs"),
    change("once", note="celery-once's: can go: keys are in the database, see unique="),
    change("singleton_*", note="celery-singleton's: can go: keys are in the database, see unique="),
    change("redbeat_*", "mongodb_scheduler_*", ours="pgqueue.schedules",
           note="can go: schedules are rows"),
)  # fmt: skip

ROWS = (*(_row(each) for each in SETTINGS.values() if not each.ours), *_BESIDE)

#: Prefixes that names in upper case have in some projects, though no release of Celery knew them.
_PREFIXES = ("CELERYBEAT_", "CELERYD_", "CELERY_", "")
_NAMESPACES = {
    "CELERYBEAT_": ("beat_",),
    "CELERYD_": ("worker_", ""),
    "CELERY_": ("", "task_", "worker_", "result_"),
    "": ("",),
}


def current_names(name: str) -> tuple[str, ...]:
    """Return the lower-case names that a setting's name may stand for, the likeliest first.

    >>> current_names("CELERY_ALWAYS_EAGER")[0]
    'task_always_eager'
    >>> current_names("CELERY_TASK_ALWAYS_EAGER")[0]
    'task_always_eager'
    """
    if name.islower():
        return (name,)
    known = celery_setting(name)
    found = [known.name] if known else []
    for prefix in _PREFIXES:
        if name.startswith(prefix):
            rest = name.removeprefix(prefix).lower()
            found += [namespace + rest for namespace in _NAMESPACES[prefix]]
    return tuple(dict.fromkeys(found))
