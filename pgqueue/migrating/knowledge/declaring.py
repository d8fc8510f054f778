"""Applications, tasks, and what a task sees of its own run."""

from __future__ import annotations

from pgqueue.migrating.knowledge.row import change, none, rows, same

BROKER = "can go: there is no broker; name the database with dsn= or PGQUEUE_DSN"
BACKEND = "can go: results are in the same database as the jobs"

NAMES = rows(
    "name",
    change("Celery", ours="PgQueue", note="without broker= and backend="),
    same("shared_task", "Task", "current_app", "current_task", "AsyncResult", "GroupResult"),
    same("ResultSet"),
    same("get_current_task", "allow_join_result"),
    same("EagerResult", note="what apply returns"),
    change("app_or_default", "current_app_or_default", "get_current_app", "Proxy",
           "PromiseProxy", ours="current_app", note="the current application"),
    change("denied_join_result", "task_join_will_block", "result_from_tuple", "ResultBase",
           note="can go"),
    change("set_default_app", ours="app.set_default", note="of the application"),
    change("DjangoTask", ours="Task", note="enqueue in the transaction itself: no base is needed"),
    change("task", ours="shared_task", note="gone from Celery itself since 5.0"),
    change("uuid", ours="str(uuid.uuid4())", note="the standard library's"),
    change("VERSION", "__version__", "version_info_t", "bugreport", "platforms",
           ours="pgqueue.__version__", note="another number"),
    change("Inspect", "Control", ours="app.control", note="of an application"),
    change("inspect", ours="app.control.inspect", note="of an application"),
    same("PENDING", "RECEIVED", "STARTED", "SUCCESS", "FAILURE", "REVOKED", "RETRY", "REJECTED",
         "IGNORED", "READY_STATES", "UNREADY_STATES", "EXCEPTION_STATES", "PROPAGATE_STATES",
         "ALL_STATES", note="of pgqueue.states"),
    change("precedence", "PRECEDENCE", "PRECEDENCE_LOOKUP", "NONE_PRECEDENCE",
           note="states have no order here"),
    none("bootsteps", "Blueprint", "Context", "maybe_patch_concurrency",
         note="Celery's own inside"),
)  # fmt: skip

APP_ARGUMENTS = rows(
    "app argument",
    same("main", ours="the first argument", note="the application's name"),
    same("include", "config_source", "task_cls", "set_as_current", "namespace"),
    change("broker", ours="dsn=", note=BROKER),
    change("backend", "result_backend", note=BACKEND),
    change("autofinalize", "strict_typing", "autoset_as_current", note="can go"),
    change("broker_connection_retry_on_startup", "fixups", "changes", note="can go"),
    none("amqp", "backend_cls", "events", "loader", "log", "control", "tasks", "kwargs",
         note="parts of an application cannot be replaced"),
)  # fmt: skip

APP = rows(
    "app",
    same("task", "tasks", "conf", "now", "timezone", "config_from_object", "config_from_envvar"),
    same("autodiscover_tasks", "send_task", "AsyncResult", "control"),
    same("register_task", "Task", "add_periodic_task", "periodic_task", "close", "finalize"),
    same("set_current", "set_default", "on_after_configure", "on_after_finalize"),
    change("main", ours="app.name", note="another name"),
    same("current_task"),
    change("canonical_name", ours="task.name", note="another name"),
    same("gen_task_name", note="for a subclass to override"),
    change("start", "worker_main", "Worker", "WorkController", ours="pgq worker",
           note="a worker is started by its command"),
    change("Beat", ours="pgq beat", note="a scheduler is started by its command"),
    change("setup_security", note="can go: PostgreSQL's roles and TLS say who may enqueue"),
    change("set_tenant", "user_options", note="options of your own: read the environment instead"),
    change("_get_current_object", note="can go: current_app is the application itself"),
    change("add_defaults", ours="conf.update", note="before settings are read"),
    change("GroupResult", "ResultSet", "signature", "chain", "group", "chord",
           ours="of the same name in pgqueue", note="imported, and used without the application"),
    change("backend", ours="AsyncResult", note="ask results, or the view pgqueue.jobs"),
    change("loader", ours="app.import_tasks()", note="that imports what include= names"),
    change("connection", "connection_for_read", "connection_for_write", "connection_or_acquire",
           "broker_connection", "pool", "producer_pool", "producer_or_acquire",
           "default_producer", "default_connection", ours="app.transaction()",
           note="there is no broker; a health check is `pgq probe`, or a query"),
    none("amqp", note="there are no exchanges; queues are names"),
    none("steps", note="workers have no bootsteps; signals run code at the start of a process"),
    none("events", note="no event stream: states and times are in pgqueue.jobs"),
    change("namespace", ours="app.conf", note="which names settings had where they were read"),
    none("log", note="use the signals setup_logging and after_setup_logger"),
    none("select_queues", note="workers are told their queues with -Q"),
    none("on_configure", "on_init", "either", "bugreport", "uses_utc_timezone",
         "subclass_with_self", "create_task_cls", "mail_admins", "thread_oid", "prepare_config",
         note="hooks into the application's own making"),
)  # fmt: skip

TASK_OPTIONS = rows(
    "task option",
    same("name", "bind", "base", "max_retries", "default_retry_delay", "autoretry_for"),
    same("dont_autoretry_for", "retry_kwargs", "retry_backoff", "retry_backoff_max"),
    same("retry_jitter", "ignore_result", "store_errors_even_if_ignored", "track_started"),
    same("expires", "queue", "throws", "typing"),
    same("pydantic", "pydantic_strict", "pydantic_context", "pydantic_dump_kwargs"),
    same("time_limit", "soft_time_limit", note="they hold for every pool, and in C code"),
    same("rate_limit", note="for all workers together, where Celery counts per worker; also "
                            "max_concurrency, keys and turns: see limits.md"),
    same("priority", note="0 to 9, and 9 is first, whatever the broker did"),
    same("lazy", "shared", ours="(always so)", note="can go"),
    same("acks_late", ours="(always so)",
         note="can go: jobs are acknowledged when they are done"),
    change("acks_late=False", ours="self.transaction()",
           note="there is no at most once: a lost worker's job runs again; what must not happen "
                "twice is committed with the job's end, in self.transaction()"),
    change("acks_on_failure_or_timeout", "acks_on_failure", "acks_on_timeout",
           "reject_on_worker_lost", "retry_on_worker_lost",
           note="can go: a failed job is kept and retried by hand; a lost worker's job runs again, "
                "three times at most"),
    change("serializer", ours="serializer='json'", note="JSON is the only one: others are refused"),
    change("compression", "send_events", "trail", "resultrepr_maxsize", "delivery_mode",
           "mandatory", "immediate", "send_error_emails", note="can go: it means nothing here"),
    change("exchange", "exchange_type", "routing_key", ours="queue=",
           note="there are no exchanges: name the queue"),
    change("abstract", note="can go: a class is no task before an instance is registered"),
    change("filter", note="can go: decorate the function itself"),
    change("run_every", ours="schedule", note="use beat_schedule or @app.periodic_task"),
    change("once", ours="unique=",
           note="celery-once's: True, or a list for its keys; on_duplicate='raise' unless "
                "graceful, unique_until='start' for unlock_before_run; a timeout is not needed"),
    change("unique_on", ours="unique=", note="celery-singleton's: unique=[…], or True for all"),
    change("raise_on_duplicate", ours="on_duplicate=", note="celery-singleton's: 'raise'"),
    change("lock_expiry", note="celery-singleton's: can go: a key is held by a job that lives"),
    none("Strategy", "Request", "backend", "shadow_name", "accept_magic_kwargs",
         "after_return_always", note="how a worker runs a task cannot be replaced"),
)  # fmt: skip

HANDLERS = rows(
    "handler",
    same("run", "__call__", "before_start", "on_success", "on_failure", "on_retry",
         "after_return", note="the same arguments"),
    change("apply_async", "delay", note="an override of it: check that it passes its options on"),
    same("on_replace", note="told before it; the task is replaced, whatever it returns"),
    none("on_bound", "on_timeout", "shadow_name",
         note="there is no such handler"),
    none("AsyncResult", note="results are always pgqueue's own"),
)  # fmt: skip

TASK = rows(
    "task",
    same("delay", "apply_async", "s", "si", "signature", "chunks", "map", "starmap"),
    same("apply", note="eager, with arguments through JSON as on the real way"),
    same("retry", note="same id, RETRY in between, the original exception after the last; "
                       "takes apply_async's options but task_id, link and link_error"),
    same("request", "name", "app", "run", "replace", "max_retries", "default_retry_delay"),
    same("update_state", "on_failure", "on_success", "on_retry", "after_return"),
    same("ignore_result", "queue", "priority", "expires", "time_limit", "soft_time_limit"),
    same("rate_limit", "__wrapped__", "before_start", "autoretry_for", "retry_backoff", "throws"),
    change("subtask", ours="signature", note="another name"),
    change("delay_on_commit", "apply_async_on_commit", ours="delay inside the transaction",
           note="enqueue on the transaction's connection: it returns the id, needs no callback, "
                "and cannot be lost between commit and enqueue"),
    change("subtask_from_request", "signature_from_request", ours="retry(…)",
           note="retry takes new arguments"),
    same("AsyncResult"),
    change("add_to_chord", ours="replace(group(…))", note="replace the task by a group or chord"),
    change("backend", ours="update_state, AsyncResult", note="results are rows: ask pgqueue.jobs"),
    change("send_event", ours="update_state", note="there is no event stream"),
    change("chunks_map", "acks_late", "serializer", "exchange", "routing_key",
           note="an attribute that means nothing here"),
    change("update_progress", "is_aborted", ours="self.request, revoke",
           note="a revoked async def task is cancelled; others are stopped with terminate=True"),
    none("add_trail", "push_request", "pop_request", "request_stack", "start_strategy",
         "Strategy", "Request", "bind", "annotate", "add_around", "on_bound", "from_config",
         "_get_exec_options", "_get_app", "__trace__", "ResultSet", "send_error_email",
         note="Celery's own inside"),
)  # fmt: skip

REQUEST = rows(
    "request",
    same("id", "args", "kwargs", "retries", "root_id", "parent_id", "group", "group_index",
         "chord", "is_eager", "hostname", "headers", "called_directly",
         "timelimit", "time_limit", "soft_time_limit", "correlation_id", "utc", "ignore_result",
         "task"),
    same("expires", "eta", note="texts, in UTC; eta is also that of a retry"),
    same("delivery_info", note="routing_key is the queue; exchange is empty"),
    change("get", "update", "__dict__", "clear", ours="request.NAME",
           note="a request is not a dict: headers are in request.headers"),
    change("chain", "chord_id", "callbacks", "errbacks",
           note="the rest of a canvas is rows: children of the job"),
    change("origin", ours="AsyncResult.job()", note="ask the job's row"),
    change("reply_to", "properties", "logfile", "loglevel", "is_async", "redelivered", "timeouts",
           "message", "shadow", "lang", "argsrepr", "kwargsrepr", "meth", "no_ack", "origin_node",
           "replaced_task_nesting", "_protected", "_children", "children", "as_execution_options",
           note="there is no message: nothing to read here"),
    none("stamps", "stamped_headers", note="stamping is not there; use headers="),
    none("on_ack", "on_reject", "acknowledged", "ack", "reject", "_on_ack",
         note="a job is acknowledged by finishing"),
)  # fmt: skip

ROWS = (*NAMES, *APP_ARGUMENTS, *APP, *TASK_OPTIONS, *HANDLERS, *TASK, *REQUEST)
