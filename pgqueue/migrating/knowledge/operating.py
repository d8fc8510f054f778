"""Signals, remote control, schedules and tests."""

from __future__ import annotations

from pgqueue.migrating.knowledge.row import change, none, rows, same

SIGNALS = rows(
    "signal",
    same("setup_logging", "after_setup_logger", "after_setup_task_logger", "worker_process_init",
         "worker_process_shutdown", "before_task_publish", "after_task_publish", "task_prerun",
         "task_postrun", "task_success", "task_failure", "task_retry",
         "task_rejected", "task_internal_error", "task_received", "import_modules", "beat_init"),
    same("task_revoked",
         note="in another process if its own was killed; not of a job that no worker had taken"),
    change("worker_init", note="sent in each process that runs tasks, before it serves any"),
    change("worker_ready", "worker_shutdown", "worker_shutting_down",
           note="sent once per worker, in its first process that runs tasks, not in its parent"),
    change("celeryd_init", "celeryd_after_setup", ours="worker_init",
           note="sent in a process that runs tasks: a worker's options are not changed by code"),
    change("task_unknown", note="never happens to a worker: it claims what it knows"),
    change("task_sent", ours="after_task_publish", note="Celery's own advice as well"),
    change("worker_before_create_process", ours="worker_process_init",
           note="nothing of yours runs in the process that starts the others"),
    change("beat_embedded_init", ours="beat_init", note="the scheduler runs in the worker"),
    none("heartbeat_sent", note="look at pgqueue.workers"),
    none("eventlet_pool_*", "user_preload_options", "trace_*",
         note="there is no such moment here"),
)  # fmt: skip

CONTROL = rows(
    "control",
    same("inspect", "revoke", "terminate", "purge", "discard_all", "ping", "broadcast",
         "rate_limit", "time_limit", "add_consumer", "cancel_consumer", "pool_grow",
         "pool_shrink", "shutdown"),
    change("enable_events", "disable_events", note="can go: everything is recorded, always"),
    change("autoscale", ours="pool_grow, pool_shrink", note="or start more workers"),
    change("pool_restart", ours="pgq control shutdown", note="start the worker again"),
    change("heartbeat", "election", "mailbox", note="can go: workers write theirs in any case"),
    none("revoke_by_stamped_headers", note="stamping is not there"),
    none("Panel", "control_command", "inspect_command",
         note="commands of your own are not there: enqueue a task, or use a signal"),
)  # fmt: skip

INSPECT = rows(
    "inspect",
    same("active", "reserved", "scheduled", "registered", "registered_tasks", "stats", "ping",
         "active_queues", "revoked", "report", "conf", "query_task"),
    none("clock", "hello", "memsample", "memdump", "objgraph", note="Celery's own inside"),
)  # fmt: skip

SCHEDULES = rows(
    "schedule",
    same("crontab", note="follows summer time: see the documentation of schedules"),
    same("schedule", ours="seconds or timedelta"),
    same("add_periodic_task", "periodic_task", "maybe_schedule"),
    same("entry: task", "entry: schedule", "entry: args", "entry: kwargs", "entry: options",
         "entry: relative"),
    same("solar", note="with an additional package: pgqueue[solar]"),
    same("ScheduleEntry", "BaseSchedule", ours="the table pgqueue.schedules",
         note="a schedule is a row"),
    change("crontab_parser", "ParseException", "cronfield", "schedstate", ours="crontab",
           note="a schedule is a row: pgqueue works out when it is due"),
)  # fmt: skip

TESTING = rows(
    "testing",
    change("celery_app", "celery_session_app", "celery_config", "celery_parameters",
           "celery_enable_logging", "celery_includes", "use_celery_app_trap",
           ours="task_always_eager", note="a fixture of your own that gives the app"),
    change("celery_worker", "celery_session_worker", "celery_worker_pool",
           "celery_worker_parameters", "start_worker", "depends_on_current_app",
           ours="task_always_eager",
           note="run what is enqueued in the test's own process, or start `pgq worker`"),
    change("mark.celery", ours="app.conf", note="set what the test needs in app.conf"),
)  # fmt: skip

LOGGING = rows(
    "logging",
    same("get_task_logger", note="from pgqueue.log"),
    change("get_logger", ours="logging.getLogger", note="the standard library's"),
    change("Logging", ours="setup_logging",
           note="configure logging when this signal is sent, or by the settings of formats"),
    change("ColorFormatter", "TaskFormatter", "LoggingProxy", ours="worker_task_log_format",
           note="set the format; records carry task_id and task_name"),
)  # fmt: skip

ROWS = (*SIGNALS, *CONTROL, *INSPECT, *SCHEDULES, *TESTING, *LOGGING)
