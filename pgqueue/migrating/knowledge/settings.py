"""Settings by their lower-case names, and the names that they had in upper case before."""

from __future__ import annotations

from pgqueue.migrating.knowledge.row import change, none, rows, same

ROWS = rows(
    "setting",
    # tasks
    same("task_always_eager", "task_eager_propagates", "task_store_eager_result"),
    same("task_routes", "task_annotations", "task_default_queue", "task_default_priority"),
    same("task_time_limit", "task_soft_time_limit", "task_ignore_result", "task_track_started"),
    same("task_store_errors_even_if_ignored", "task_create_missing_queues"),
    same("task_publish_retry", "task_publish_retry_policy"),
    same("task_default_rate_limit", note="for all workers together"),
    same("task_serializer", "result_serializer", "accept_content", "result_accept_content",
         note="JSON is the only one: others are refused"),
    same("timezone", "enable_utc", "imports", "include"),
    same("task_queues", note="names; of kombu's Queue only the name counts"),
    change("task_acks_late", "task_reject_on_worker_lost", "task_retry_on_worker_lost",
           "task_acks_on_failure_or_timeout", "task_acks_on_failure", "task_acks_on_timeout",
           ours="(always late)",
           note="jobs are acknowledged when they are done, and a lost worker's run again: be sure "
                "that tasks bear it"),
    change("task_inherit_parent_priority", ours="priority=", note="give the priority at the call"),
    change("task_queue_max_priority", note="can go: priorities are 0 to 9 everywhere"),
    change("task_default_exchange", "task_default_exchange_type", "task_default_routing_key",
           ours="task_default_queue", note="there are no exchanges"),
    change("task_default_queue_type", "task_create_missing_queue_type",
           "task_create_missing_queue_exchange_type", "task_default_delivery_mode",
           "task_compression", "task_protocol", note="can go: there is no broker"),
    change("task_send_sent_event", "task_remote_tracebacks", "task_repr_maxlevels",
           note="can go: everything is recorded, always"),
    change("task_allow_error_cb_on_chord_header", ours="link_error",
           note="can go: errbacks run once, wherever they are attached"),
    # results
    same("result_expires", note="how long the history is kept"),
    change("result_backend", ours="dsn=", note="can go: results are with the jobs"),
    change("result_extended", "result_persistent", "result_cache_max", "result_compression",
           "result_exchange", "result_exchange_type", "result_chord_retry_interval",
           "result_chord_join_timeout", "result_backend_transport_options",
           "result_backend_max_sleep_between_retries_ms", "result_backend_max_retries",
           "result_backend_base_sleep_between_retries_ms", "result_backend_always_retry",
           note="can go: results are rows, with all fields"),
    change("result_failure_expires", "result_chord_expires", ours="result_expires",
           note="or the table pgqueue.retention, per state"),
    change("cache_backend*", "cassandra_*", "s3_*", "azureblockblob_*", "gcs_*", "couchbase_*",
           "arangodb_*", "mongodb_*", "cosmosdbsql_*", "redis_*", "elasticsearch_*",
           "couchdb_*", "dynamodb_*", "consul_*", "filesystem_*", "ironcache_*", "rpc_*",
           note="can go: results are with the jobs"),
    change("database_url", "database_engine_options", "database_engine_callback",
           "database_short_lived_sessions", "database_table_schemas", "database_table_names",
           "database_create_tables_at_setup", ours="dsn=",
           note="can go: results are with the jobs; their schema is given by schema="),
    # the broker
    change("broker_url", "broker_read_url", "broker_write_url", ours="dsn=",
           note="name the database with dsn= or PGQUEUE_DSN"),
    change("broker_transport_options", ours="",
           note="can go: there is no visibility timeout, jobs run as long as they need"),
    change("broker_use_ssl", ours="dsn=", note="sslmode and its like are in the database's URL"),
    change("broker_pool_limit", ours="max_connections=", note="of PgQueue(…)"),
    change("broker_transport", "broker_connection_timeout", "broker_connection_retry",
           "broker_connection_retry_on_startup", "broker_connection_max_retries",
           "broker_channel_error_retry", "broker_failover_strategy", "broker_heartbeat",
           "broker_heartbeat_checkrate", "broker_login_method", "broker_pool_acquire_timeout",
           "broker_native_delayed_delivery_queue_type", "broker_host", "broker_port",
           "broker_user", "broker_password", "broker_vhost", "broker_backend",
           note="can go: there is no broker; workers reconnect for ever"),
    # workers
    same("worker_concurrency", "worker_max_tasks_per_child", "worker_max_memory_per_child"),
    same("worker_hijack_root_logger", "worker_log_format", "worker_task_log_format"),
    change("worker_prefetch_multiplier", "worker_disable_prefetch", "worker_eta_task_limit",
           "worker_enable_prefetch_count_reduction",
           note="can go: a worker claims what it can run soon; later jobs stay in the database"),
    change("worker_pool", "worker_pool_restarts", "worker_pool_putlocks",
           "worker_pool_start_method",
           note="can go: there is one kind of pool; async def tasks and threads are in it"),
    change("worker_soft_shutdown_timeout", "worker_enable_soft_shutdown_on_idle",
           ours="pgq worker --grace", note="how long running jobs may go on after SIGTERM"),
    change("worker_cancel_long_running_tasks_on_connection_loss",
           "worker_deduplicate_successful_tasks", "worker_detect_quorum_queues",
           "worker_proc_alive_timeout", "worker_lost_wait", "worker_timer",
           "worker_timer_precision", "worker_enable_remote_control", "worker_state_db",
           "worker_log_color", "worker_send_task_events", "worker_disable_rate_limits",
           note="can go: it is no question here"),
    change("worker_log_datefmt", "worker_task_log_datefmt", ours="setup_logging",
           note="dates are in ISO form; the signal sets another"),
    change("worker_redirect_stdouts", "worker_redirect_stdouts_level",
           note="what tasks print goes to the worker's own output"),
    change("worker_autoscaler", ours="pool_grow, pool_shrink", note="or start more workers"),
    none("worker_agent", "worker_consumer", note="parts of a worker cannot be replaced"),
    change("worker_direct", ours="-Q", note="give the worker a queue of its own"),
    # beat
    same("beat_schedule"),
    change("beat_scheduler", note="can go: schedules are rows, and every worker can keep time"),
    change("beat_schedule_filename", "beat_sync_every", "beat_max_loop_interval",
           "beat_enable_remote_control", "beat_remote_control_max_tick_age",
           note="can go: there is no file, and no single process to watch"),
    change("beat_cron_starting_deadline", ours="the policy for missed ticks",
           note="of each schedule"),
    # the rest
    change("control_queue_ttl", "control_queue_expires", "control_queue_exclusive",
           "control_queue_durable", "control_exchange", "event_*",
           note="can go: control and history are tables"),
    change("security_*", ours="PostgreSQL's roles",
           note="who may enqueue is a matter of privileges; messages are not signed"),
    change("once", ours="unique_key=", note="celery-once's: unique jobs are part of pgqueue"),
    change("singleton_backend_url", "singleton_*", ours="unique_key=",
           note="celery-singleton's: unique jobs are part of pgqueue"),
    change("redbeat_*", "mongodb_scheduler_*", ours="pgqueue.schedules",
           note="can go: schedules are rows"),
)  # fmt: skip

#: Prefixes that settings had in upper case; what follows is the name in the namespace of today.
_PREFIXES = (
    ("CELERYBEAT_", ("beat_",)),
    ("CELERYD_", ("worker_", "")),
    ("CELERY_", ("", "task_", "worker_", "result_")),
    ("", ("",)),
)
#: Old names that no prefix explains.
_OLD = {
    "CELERYD_TASK_SOFT_TIME_LIMIT": "task_soft_time_limit",
    "CELERYD_TASK_TIME_LIMIT": "task_time_limit",
    "CELERYD_WORKER_LOST_WAIT": "worker_lost_wait",
    "CELERYD_LOG_FORMAT": "worker_log_format",
    "CELERYD_TASK_LOG_FORMAT": "worker_task_log_format",
    "CELERY_ALWAYS_EAGER": "task_always_eager",
    "CELERY_CACHE_BACKEND": "cache_backend",
    "CELERY_DEFAULT_RATE_LIMIT": "task_default_rate_limit",
    "CELERY_EAGER_PROPAGATES_EXCEPTIONS": "task_eager_propagates",
    "CELERY_ENABLE_REMOTE_CONTROL": "worker_enable_remote_control",
    "CELERY_MAX_CACHED_RESULTS": "result_cache_max",
    "CELERY_MESSAGE_COMPRESSION": "task_compression",
    "CELERY_RESULT_DBURI": "database_url",
    "CELERY_RESULT_DB_SHORT_LIVED_SESSIONS": "database_short_lived_sessions",
    "CELERY_RESULT_DB_TABLENAMES": "database_table_names",
    "CELERY_RESULT_ENGINE_OPTIONS": "database_engine_options",
    "CELERY_SEND_EVENTS": "worker_send_task_events",
    "CELERY_SEND_TASK_SENT_EVENT": "task_send_sent_event",
    "CELERY_TASK_RESULT_EXPIRES": "result_expires",
    "BROKER_BACKEND": "broker_transport",
}


def current_names(name: str) -> tuple[str, ...]:
    """Return the lower-case names that a setting's name may stand for, the likeliest first.

    >>> current_names("CELERY_ALWAYS_EAGER")[0]
    'task_always_eager'
    >>> "worker_concurrency" in current_names("CELERYD_CONCURRENCY")
    True
    """
    if name.islower():
        return (name,)
    found = [_OLD[name]] if name in _OLD else []
    for prefix, namespaces in _PREFIXES:
        if name.startswith(prefix):
            rest = name.removeprefix(prefix).lower()
            found += [namespace + rest for namespace in namespaces]
    return tuple(dict.fromkeys(found))
