"""Calls, results, and the canvas."""

from __future__ import annotations

from pgqueue.migrating.knowledge.row import change, none, rows, same

CALL_OPTIONS = rows(
    "call option",
    same("args", "kwargs", "countdown", "eta", "expires", "queue", "headers", "link"),
    same("link_error", "ignore_result", "time_limit", "soft_time_limit", "max_retries"),
    same("root_id", "parent_id", "exc", "throw", "shadow", "add_to_parent"),
    same("task_id", note="a UUID, as Celery makes them; other texts are refused"),
    same("priority", note="0 to 9, and 9 is first, whatever the broker did"),
    same("retry", "retry_policy", ours="(always so)",
         note="accepted: an enqueue is tried again when the connection breaks"),
    same("schedule_name", "relative", ours="(of a schedule)"),
    change("serializer", ours="serializer='json'", note="JSON is the only one"),
    change("connection", ours="connection=",
           note="takes a database connection here, whose transaction the job joins"),
    change("producer", "publisher", "compression", "reply_to", "mandatory", "immediate",
           "delivery_mode", "argsrepr", "kwargsrepr", "periodic_task_name", "correlation_id",
           "content_type", "content_encoding", "timeout", "confirm_timeout", "declare",
           "on_error", "ignore_errors", "no_ack", "interval", "MessageGroupId",
           "MessageDeduplicationId", note="can go: there is no message"),
    change("exchange", "exchange_type", "routing_key", ours="queue=",
           note="there are no exchanges: name the queue"),
    change("group_id", "group_index", "chord", "chain", ours="group, chord, chain",
           note="made by the canvas"),
    change("once", ours="unique=", note="celery-once's: see the task's"),
    change("app", "task", "name", note="can go"),
    none("stamped_headers", note="stamping is not there; use headers="),
)  # fmt: skip

RESULT = rows(
    "result",
    same("iterdeps"),
    same("id", "task_id", "state", "status", "result", "info", "traceback", "children", "parent",
         "root", "name", "args", "kwargs", "worker", "date_done", "retries", "queue"),
    same("ready", "successful", "failed", "forget", "wait", "as_tuple", "maybe_throw",
         "maybe_reraise", "throw", "exists", "get_leaf", "collect"),
    same("get", note="raises TaskFailed, which is also the builtin that the task raised"),
    same("revoke", note="at once, on all workers, and it stays after a restart"),
    same("then", note="called in a thread of its own"),
    change("backend", "app", "task_name", "_get_task_meta", "get_task_meta", "_cache",
           ours="AsyncResult.job()", note="the job is a row: job() returns it"),
    change("graph", "build_graph", ours="children",
           note="or query pgqueue.jobs by root_id"),
    change("ignored", "supports_native_join", "on_ready", note="means nothing here"),
    none("revoke_by_stamped_headers", note="stamping is not there"),
)  # fmt: skip

GROUP_RESULT = rows(
    "group result",
    same("id", "results", "children", "parent", "join", "get", "join_native", "ready",
         "successful", "failed", "waiting", "completed_count", "revoke", "forget", "save",
         "restore", "delete", "as_tuple"),
    change("iterate", "iter_native", "as_list", "maybe_throw", "maybe_reraise", "then",
           ours="results", note="go through `results`"),
    same("add", "remove", "discard", "update", "clear"),
    change("backend", "app", "_failed_join_report", "supports_native_join",
           note="means nothing here"),
)  # fmt: skip

SIGNATURE = rows(
    "signature",
    same("delay", "apply_async", "apply", "set", "clone", "link", "link_error",
         "on_error", "freeze", "tasks", "body", "task", "args", "kwargs", "options", "id", "type",
         "name", "app", "subtask_type", "immutable", "from_dict", "get", "skew", "group",
         "items", "keys", "values", "update", "copy", "setdefault", "pop"),
    change("partial", ours="clone", note="another name"),
    same("set_immutable"),
    same("flatten_links"),
    change("replace", "reprcall", "set_parent_id", "election", "run",
           "prepare_steps", "unchain_tasks", "link_return", "append_to_list_option",
           "extend_list_option",
           "add_to_chord",
           ours="clone, set", note="make a new signature"),
    none("stamp", "stamp_links", "append_stamps", note="stamping is not there; use headers="),
)  # fmt: skip

CANVAS = rows(
    "canvas",
    same("group", "chain", "chord", "signature", "maybe_signature", "Signature", "chunks"),
    change("subtask", ours="signature", note="another name"),
    same("xmap", "xstarmap"),
    same("a | b", note="a group before anything becomes a chord"),
    none("StampingVisitor", "GroupStampingVisitor", note="stamping is not there; use headers="),
)  # fmt: skip

EXCEPTIONS = rows(
    "exception",
    same("Retry", "Reject", "Ignore", "MaxRetriesExceededError", "SoftTimeLimitExceeded",
         "TimeLimitExceeded", "TaskRevokedError", "ChordError"),
    change("TimeoutError", ours="ResultTimeout", note="also a built-in TimeoutError"),
    change("NotRegistered", ours="UnknownTask",
           note="at the call; a job that no worker knows waits until one does"),
    change("ImproperlyConfigured", ours="ConfigurationError", note="another name"),
    change("WorkerLostError", ours="TaskFailed",
           note="the job runs again; after three lost workers it has failed"),
    change("OperationalError", "kombu.OperationalError", ours="psycopg.OperationalError",
           note="PostgreSQL cannot be reached"),
    change("CeleryError", "TaskError", "TaskPredicate", ours="PgQueueError",
           note="the root of pgqueue's errors"),
    change("AlreadyRegistered", "AlwaysEagerIgnored", "NotConfigured", "DuplicateNodenameWarning",
           "CeleryWarning", "FixupWarning", "QueueNotFound", "SecurityError", "BackendError",
           "BackendGetMetaError", "BackendStoreError", "IncompleteStream", "InvalidTaskError",
           "CPendingDeprecationWarning", "CDeprecationWarning", "SecurityWarning",
           "WorkerShutdown", "WorkerTerminate", "Terminated", "CeleryCommandException",
           ours="PgQueueError", note="there is no such error: nothing to catch"),
)  # fmt: skip

ROWS = (*CALL_OPTIONS, *RESULT, *GROUP_RESULT, *SIGNATURE, *CANVAS, *EXCEPTIONS)
