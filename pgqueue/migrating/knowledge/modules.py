"""Modules of Celery's, and packages that come with it; `.*` includes everything inside."""

from __future__ import annotations

from pgqueue.migrating.knowledge.row import change, none, rows, same

IMPORTS = rows(
    "import",
    same("celery", ours="pgqueue"),
    same("celery.result", "celery.canvas", "celery.schedules", "celery.exceptions",
         "celery.app", "celery.app.task", "celery.app.base", "celery.app.control",
         "celery.local", "celery._state", ours="pgqueue"),
    same("celery.app.log", "celery.utils.log", ours="pgqueue.log"),
    same("celery.signals", ours="pgqueue.signals"),
    change("celery.states", ours="the strings", note='"SUCCESS", "FAILURE", …; or '
           "result.ready(), result.failed()"),
    change("celery.task", "celery.task.*", "celery.decorators", "celery.registry", "celery.messaging",
           "celery.conf", "celery.execute", ours="pgqueue", note="gone from Celery itself since 5.0"),
    change("celery.contrib.django.*", ours="pgqueue", note="enqueue in the transaction itself"),
    change("celery.contrib.abortable", ours="revoke",
           note="a revoked async def task is cancelled; others are stopped with terminate=True"),
    change("celery.contrib.testing.*", "celery.contrib.pytest", ours="pgqueue.testing",
           note="see the guide: tests"),
    change("celery.contrib.*", note="what it does has to be looked at"),
    change("celery.utils.*", "celery.utils", "celery.five",
           note="a helper that has nothing to do with queues: take the standard library's"),
    change("celery.backends.*", ours="AsyncResult", note="results are rows: ask pgqueue.jobs"),
    change("celery.beat", ours="pgqueue.schedules",
           note="schedules are rows: a scheduler of your own becomes an insert"),
    change("celery.bin.*", "celery.apps.*", "celery.__main__", ours="pgq",
           note="start its commands as processes"),
    change("celery.app.defaults", "celery.app.utils", "celery.fixups.*", "celery.platforms",
           "celery.app.registry", "celery.app.routes", "celery.app.annotations",
           "celery.app.autoretry", "celery.app.builtins", "celery.app.trace", "celery.app.backends",
           "celery.app.amqp", "celery.app.events", "celery.app.*",
           note="Celery's own inside: look at what it is used for"),
    none("celery.bootsteps", "celery.worker", "celery.worker.*", "celery.concurrency",
         "celery.concurrency.*", note="a worker's parts cannot be replaced; signals run code at "
         "the start and end of its processes"),
    none("celery.events", "celery.events.*", note="no event stream: states and times are in "
         "pgqueue.jobs"),
    none("celery.loaders.*", "celery.loaders", note="there are no loaders: config_from_object reads settings"),
    none("celery.security.*", "celery.security", note="messages are not signed: PostgreSQL's roles say who may "
         "enqueue"),
)  # fmt: skip

PACKAGES = rows(
    "package",
    change("kombu.Queue", ours="the queue's name",
           note="in task_queues; of its routing keys and exchange nothing is left"),
    change("kombu.Exchange", "kombu.binding", ours="queues", note="there are no exchanges: name queues"),
    none("kombu.common.Broadcast", note="a message for every worker: use app.control, or LISTEN"),
    change("kombu.exceptions.*", "kombu.exceptions", ours="psycopg.OperationalError", note="PostgreSQL cannot be reached"),
    change("kombu.serialization", "kombu.serialization.*", ours="JSON",
           note="values are JSON: dates, UUIDs, decimals, enums and dataclasses are built in"),
    change("kombu.utils.*", "kombu.utils", "kombu.log",
           note="a helper that has nothing to do with queues: take the standard library's"),
    none("kombu", "kombu.*", note="messages of its own over AMQP or Redis: it stays as it is, beside pgqueue"),
    change("billiard", "billiard.*", ours="multiprocessing", note="tasks may start processes here"),
    change("amqp", "amqp.*", "vine", "vine.*", "librabbitmq", note="can go with the broker"),
    change("flower", "flower.*", ours="pgq status, pgq jobs, pgq inspect",
           note="the history is in pgqueue.jobs, for SQL as well"),
    change("django_celery_beat", "django_celery_beat.*", ours="pgqueue.schedules",
           note="schedules are rows, read and written by documented functions and `pgq schedules`"),
    change("django_celery_results", "django_celery_results.*", ours="pgqueue.jobs",
           note="results and history are rows of one table"),
    change("redbeat", "redbeat.*", "celerybeat_mongo", "celerybeat_mongo.*", "sqlalchemy_celery_beat", "sqlalchemy_celery_beat.*", ours="pgqueue.schedules",
           note="schedules are rows"),
    change("celery_once", "celery_once.*", "celery_singleton", "celery_singleton.*", "celery_unique", "celery_unique.*", ours="unique_key=",
           note="unique jobs are part of pgqueue"),
    change("celery_progress", "celery_progress.*", ours="update_state",
           note="AsyncResult.info is what update_state said; the page is yours"),
    change("celery_batches", "celery_batches.*", ours="a task that claims rows",
           note="write what is to be done to a table of yours"),
    change("djcelery", "djcelery.*", "djcelery_email", "djcelery_email.*", "celery_haystack", "celery_haystack.*", "tenant_schemas_celery", "tenant_schemas_celery.*", "celery_aio_pool", "celery_aio_pool.*", "celery_pool_asyncio", "celery_pool_asyncio.*",
           note="an extension of Celery: look at what it is used for"),
    change("opentelemetry.instrumentation.celery", "sentry_sdk.integrations.celery",
           "sentry_sdk.integrations.celery.*", "elasticapm.contrib.celery", "ddtrace.contrib.celery", "celery_exporter", "celery_exporter.*",
           "newrelic.hooks.application_celery", "health_check.contrib.celery", "health_check.contrib.celery_ping",
           ours="signals", note="it hooks into Celery: look at what it does for you"),
)  # fmt: skip

REQUIREMENTS = rows(
    "requirement",
    change("celery", ours="pgqueue", note="with its extras; the client of the broker can go, too"),
    change("kombu", "billiard", note="can go with Celery, unless you use it yourself"),
    change("flower", ours="pgq status, pgq jobs, pgq inspect", note="can go"),
    change("django_celery_beat", "sqlalchemy_celery_beat", "celery_redbeat",
           ours="pgqueue.schedules", note="can go: schedules are rows"),
    change("django_celery_results", ours="pgqueue.jobs", note="can go: results are rows"),
    change("celery_once", "celery_singleton", ours="unique_key=", note="can go"),
    change("celery_progress", "celery_batches", "celery_exporter",
           note="can go with Celery: see what it did for you"),
)  # fmt: skip

VALUES = rows(
    "value",
    none("pickle", note="values are JSON: give ids and plain data instead of objects"),
    none("yaml", "msgpack", "auth", note="values are JSON"),
)

ROWS = (*IMPORTS, *PACKAGES, *REQUIREMENTS, *VALUES)
