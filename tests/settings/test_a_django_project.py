"""A project that was made for Celery: its settings load, its tasks are found, its worker runs."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

pytest.importorskip("django")

SETTINGS = """
    import os
    from datetime import timedelta

    SECRET_KEY = "not a secret"
    INSTALLED_APPS = ["orders.apps.OrdersConfig", "billing", "django.contrib.contenttypes"]
    USE_TZ = True
    TIME_ZONE = "Europe/Oslo"

    CELERY_BROKER_URL = "redis://localhost:6379/0"
    CELERY_RESULT_BACKEND = "django-db"
    CELERY_ACCEPT_CONTENT = ["json"]
    CELERY_TASK_SERIALIZER = "json"
    CELERY_RESULT_SERIALIZER = "json"
    CELERY_TIMEZONE = TIME_ZONE
    CELERY_ENABLE_UTC = True
    CELERY_TASK_DEFAULT_QUEUE = "shop"
    CELERY_TASK_ROUTES = {"billing.tasks.*": {"queue": "billing"}}
    CELERY_TASK_TIME_LIMIT = 30 * 60
    CELERY_TASK_SOFT_TIME_LIMIT = 25 * 60
    CELERY_TASK_ACKS_LATE = True
    CELERY_TASK_TRACK_STARTED = True
    CELERY_TASK_ALWAYS_EAGER = False
    CELERY_RESULT_EXPIRES = timedelta(days=1)
    CELERY_RESULT_EXTENDED = True
    CELERY_WORKER_CONCURRENCY = 2
    CELERY_WORKER_PREFETCH_MULTIPLIER = 1
    CELERY_WORKER_MAX_TASKS_PER_CHILD = 200
    CELERY_WORKER_HIJACK_ROOT_LOGGER = False
    CELERY_BROKER_TRANSPORT_OPTIONS = {"visibility_timeout": 3600}
    CELERY_BEAT_SCHEDULER = "django_celery_beat.schedulers:DatabaseScheduler"
    CELERY_BEAT_SCHEDULE = {
        "nightly": {"task": "billing.tasks.close_day", "schedule": timedelta(days=1)},
    }
"""
FILES = {
    "shop/settings.py": SETTINGS,
    "shop/__init__.py": """
        from .celery import app as celery_app

        __all__ = ("celery_app",)
    """,
    "shop/celery.py": """
        import os

        from pgqueue import PgQueue

        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")
        app = PgQueue("shop")
        app.config_from_object("django.conf:settings", namespace="CELERY")
        app.autodiscover_tasks()
    """,
    "orders/__init__.py": "",
    "orders/apps.py": """
        from django.apps import AppConfig

        class OrdersConfig(AppConfig):
            name = "orders"
    """,
    "orders/tasks.py": """
        from django.conf import settings
        from pgqueue import shared_task

        @shared_task(bind=True, max_retries=5)
        def pack(self, order):
            return [self.name, order, settings.TIME_ZONE]
    """,
    "billing/__init__.py": "",
    "billing/tasks.py": """
        from django.contrib.contenttypes.models import ContentType
        from pgqueue import shared_task

        @shared_task
        def close_day():
            return ContentType._meta.label
    """,
}


@pytest.fixture
def project(folder, write, monkeypatch):
    for name, text in FILES.items():
        write(name, text)
    monkeypatch.setenv(
        "PYTHONPATH", os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")])
    )
    return folder


ITS_DATABASE = """
    from psycopg.conninfo import conninfo_to_dict

    OPTIONS = conninfo_to_dict(os.environ["PGQUEUE_DSN"])
    DATABASES = {"default": {"ENGINE": "django.db.backends.postgresql",
                             "NAME": OPTIONS.pop("dbname"), "OPTIONS": OPTIONS,
                             "CONN_MAX_AGE": None, "CONN_HEALTH_CHECKS": True}}
    CELERY_TASK_TIME_LIMIT = CELERY_TASK_SOFT_TIME_LIMIT = None
"""
ASKING = """
    from asgiref.sync import sync_to_async
    from django.db import connection, transaction
    from pgqueue import shared_task

    def session():
        with connection.cursor() as cursor:
            cursor.execute("select pg_backend_pid()")
            return cursor.fetchone()[0]

    @shared_task(name="ask")
    def ask():
        return session()

    @shared_task(name="aask")
    async def aask():
        return await sync_to_async(session)()

    @shared_task(name="ask_within")
    def ask_within():
        with transaction.atomic():
            return [session(), ask.apply().get(), session()]
"""


def told(project, code, **environment):
    """What a process of its own prints: Django is set up once per process."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-W", "ignore::UserWarning", "-c", code],
        cwd=project,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split("\n")[:-1], done.stderr


CODE = """
import warnings
from pgqueue.loading import load_app
with warnings.catch_warnings(record=True) as warned:
    warnings.simplefilter("always")
    app = load_app("{spec}")
    app.import_tasks()
    print(*sorted(app.tasks))
    print(*(app.tasks[name].queue for name in sorted(app.tasks)))
    print(app.conf.task_time_limit, app.conf.worker_concurrency, app.timezone)
    print(app.conf.beat_schedule["nightly"]["task"])
names = [line.split(":")[0].strip() for line in str(warned[0].message).splitlines()[1:]]
print(len(warned), *names)
"""


@pytest.mark.parametrize("spec", ["shop", "shop.celery", "shop:celery_app", "shop.celery:app"])
def test_its_settings_load_and_its_tasks_are_found(project, spec):
    tasks, queues, settings, nightly, warned = told(project, CODE.format(spec=spec))[0]
    assert tasks == "billing.tasks.close_day orders.tasks.pack"
    assert queues == "billing shop"
    assert settings == "1800.0 2 Europe/Oslo"
    assert nightly == "billing.tasks.close_day"
    assert warned.split() == [
        "1",
        *("broker_transport_options", "broker_url", "result_backend"),
        "worker_prefetch_multiplier",
    ]


def test_its_tasks_are_enqueued_by_whoever_has_imported_them(project):
    code = """
import os
os.environ["DJANGO_SETTINGS_MODULE"] = "shop.settings"
import django
django.setup()
from orders.tasks import pack
print(pack.app.name, pack.queue, pack.max_retries, pack.job([1], {}, {}).queue)
"""
    assert told(project, code)[0] == ["shop shop 5 shop"]


def test_its_worker_runs_them_as_its_settings_say(project, start_worker, send):
    worker = start_worker(app="shop")
    (line,) = worker.logged("is ready")
    assert "2 tasks, queues billing, shop, 2 slots" in line
    result = send("orders.tasks.pack", 7, queue="shop")
    assert result.get(30) == ["orders.tasks.pack", 7, "Europe/Oslo"]
    result = send("billing.tasks.close_day", queue="billing")
    assert result.get(30) == "contenttypes.ContentType"
    assert worker.stop() == 0
    assert worker.log.count("mean nothing to pgqueue") == 1


@pytest.mark.sessions("a session is nobody's own")
@pytest.mark.parametrize("task", ["ask", "aask"])
def test_a_connection_that_the_server_has_closed_harms_no_run(
    project, write, start_worker, send, connection, task
):
    """Of `def` and `async def`; and one that is good, CONN_MAX_AGE being None, is kept."""
    write("shop/settings.py", SETTINGS + ITS_DATABASE)
    write("orders/tasks.py", ASKING)
    start_worker("--processes", "1", "-c", "1", app="shop").ready()
    first = send(task, queue="shop").get(30)
    assert send(task, queue="shop").get(30) == first
    connection.execute("select pg_terminate_backend(%s, 5000)", [first])
    assert send(task, queue="shop").get(30) != first


def test_what_runs_in_place_within_another_run_is_in_its_transaction(
    project, write, start_worker, send
):
    write("shop/settings.py", SETTINGS + ITS_DATABASE)
    write("orders/tasks.py", ASKING)
    start_worker("--processes", "1", "-c", "1", app="shop").ready()
    assert len(set(send("ask_within", queue="shop").get(30))) == 1
