"""What a module uses of Celery is found, whatever it is called there, and nothing else is."""

from __future__ import annotations

import pytest

from pgqueue.migrating.knowledge import find

APP = """
from celery import Celery

app = Celery("shop", broker="redis://", backend="redis://")
"""


def test_an_application_with_its_arguments(project):
    found = project({"shop.py": APP})
    assert found.uses("import") == {"celery": 1}
    assert found.uses("name") == {"Celery": 1}
    assert found.uses("app argument") == {"broker": 1, "backend": 1}


def test_places_are_file_and_line(project):
    found = project({"shop/app.py": APP})
    assert [str(u.place) for u in found.result.uses if u.name == "Celery"] == ["shop/app.py:4"]


@pytest.mark.parametrize(
    ("imports", "decorator"),
    [
        ("from shop.app import app", "@app.task(bind=True)"),
        ("from .app import app as worker", "@worker.task(bind=True)"),
        ("import shop.app", "@shop.app.app.task(bind=True)"),
        ("from shop import app as module", "@module.app.task(bind=True)"),
        ("from shop import shared", "@shared.task(bind=True)"),
        ("from shop.star import *", "@app.task(bind=True)"),
        ("from celery import shared_task", "@shared_task(bind=True)"),
        ("from celery import shared_task as st", "@st(bind=True)"),
        ("import celery", "@celery.shared_task(bind=True)"),
        ("import celery as c", "@c.current_app.task(bind=True)"),
        ("from celery import current_app as here", "@here.task(bind=True)"),
        ("from elsewhere import celery_app", "@celery_app.task(bind=True)"),
        ("from shop.app import make\n\nmade = make()", "@made.task(bind=True)"),
        ("from shop.app import typed\n\nmade = typed()", "@made.task(bind=True)"),
        ("try:\n    from shop.app import app\nexcept ImportError:\n    app = None",
         "@app.task(bind=True)"),
    ],
)  # fmt: skip
def test_a_task_is_known_by_whatever_name_its_decorator_has(project, imports, decorator):
    app = (
        APP
        + "def make():\n    made = Celery()\n    return made\n\n"
        + "def typed() -> Celery:\n    return build()\n"
    )
    found = project(
        {
            "shop/__init__.py": "from shop.app import app as shared",
            "shop/app.py": app,
            "shop/star.py": "from shop.app import *",
            "shop/tasks.py": f"{imports}\n\n{decorator}\ndef send(self):\n    self.request.id\n",
        }
    )
    assert found.uses("task option") == {"bind": 1}
    assert found.uses("request") == {"id": 1}


@pytest.mark.parametrize(
    "code",
    [
        "from invoke import task\n\n@task\ndef build(c):\n    c.run('celery')\n",
        "import huey\n\nhuey = huey.Huey()\n\n@huey.task(retries=2)\ndef celery(): ...\n",
        "from multiprocessing import Pool\n\npool = Pool()\npool.apply_async(f, (1,))  # celery",
        "class View:\n    def get(self):\n        return self.request.id  # celery\n",
        "text = 'from celery import shared_task'\n",
        "def celery_is_a_vegetable():\n    s = set()\n    s.update(s)\n",
        "from .celery import soup\n\nsoup.serve()\n",
        "from django.db import models\n\nclass Task(models.Model):\n    name = 'celery'\n",
    ],
)
def test_what_only_looks_like_it_is_no_use(project, code):
    assert project({"code.py": code}).result.uses == []


def test_a_call_with_its_options(project):
    found = project(
        {
            "tasks.py": APP + "@app.task\ndef send(a): ...\n",
            "views.py": """
                from tasks import send
                import tasks

                def view():
                    send.delay(1)
                    tasks.send.apply_async((1,), countdown=3, queue="slow", link=send.si(2))
                    send.apply_async(args=[1], **{"expires": 5})
            """,
        }
    )
    assert found.uses("task") == {"delay": 1, "apply_async": 2, "si": 1}
    assert found.uses("call option") == {
        "countdown": 1, "queue": 1, "link": 1, "args": 1, "expires": 1,
    }  # fmt: skip


def test_options_by_a_name_are_looked_up(project):
    found = project(
        {
            "options.py": "POLITE = dict(max_retries=5, retry_backoff=True)\n",
            "tasks.py": """
                import options
                from celery import shared_task
                from options import POLITE as kind

                @shared_task(**kind)
                def one(): ...

                @shared_task(**options.POLITE)
                def two(): ...
            """,
        }
    )
    assert found.uses("task option") == {"max_retries": 2, "retry_backoff": 2}
    assert found.unresolved == []


def test_options_that_are_made_at_run_time_are_said_to_be_unknown(project):
    found = project(
        {
            "tasks.py": """
                from celery import shared_task

                @shared_task(**read_options())
                def one(**kwargs):
                    one.apply_async(**kwargs)
            """
        }
    )
    assert len(found.unresolved) == 2
    assert "read_options" in found.unresolved[0]
    assert "options of apply_async" in found.unresolved[1]


def test_tasks_of_another_code_base_are_known_by_how_they_are_called(project):
    found = project({"v.py": "from elsewhere import send\n\nsend.delay(1)\nsend.si(2)\n"})
    assert found.uses("task") == {"delay": 1, "si": 1}


def test_a_bound_task_and_its_retry(project):
    found = project(
        {
            "tasks.py": APP
            + """
@app.task(bind=True, autoretry_for=(OSError,), max_retries=None)
def fetch(self, place):
    try:
        self.request.retries, self.request.delivery_info["routing_key"]
    except OSError as error:
        raise self.retry(exc=error, countdown=2 ** self.request.retries)
    self.update_state(state="PROGRESS", meta={})
"""
        }
    )
    assert found.uses("task option") == {"bind": 1, "autoretry_for": 1, "max_retries": 1}
    assert found.uses("call option") == {"exc": 1, "countdown": 1}
    assert found.uses("request") == {"retries": 2, "delivery_info": 1}
    assert found.uses("task") == {"request": 2, "retry": 1, "update_state": 1}


def test_class_tasks(project):
    found = project(
        {
            "base.py": "from celery import Task\n\nclass Base(Task):\n    max_retries = 5\n",
            "tasks.py": """
                from base import Base
                from celery import shared_task

                class Loud(Base):
                    own = 1

                    def on_failure(self, exc, task_id, args, kwargs, einfo):
                        self.request.id, self.own

                    def helper(self): ...

                @shared_task(base=Loud)
                def one(): ...
            """,
        }
    )
    assert found.uses("handler") == {"on_failure": 1}
    assert found.uses("task option") == {"max_retries": 1, "base": 1}
    assert found.uses("task") == {"request": 1}


def test_a_class_from_elsewhere_that_tasks_have_as_their_base(project):
    found = project(
        {
            "tasks.py": """
                from celery import shared_task
                from elsewhere import Thing

                class Loud(Thing):
                    def on_success(self, *args): ...

                @shared_task(base=Loud)
                def one(): ...
            """
        }
    )
    assert found.uses("handler") == {"on_success": 1}


def test_an_option_may_be_the_same_or_not_depending_on_its_value(project):
    code = """
from celery import Task, shared_task

class Twice(Task):
    acks_late = True

@shared_task(acks_late=False)
def once(): ...
"""
    found = project({"tasks.py": code})
    assert found.uses("task option") == {"acks_late": 1, "acks_late=False": 1}
    assert [find("task option", name).verdict for name in found.uses("task option")] == [
        "same", "change",
    ]  # fmt: skip


def test_results(project):
    found = project(
        {
            "v.py": """
                from celery.result import AsyncResult
                from tasks import send

                def view(id):
                    result = send.delay()
                    result.get(timeout=1), result.id
                    return AsyncResult(id).state

                def typed(result: AsyncResult):
                    return result.ready()
            """
        }
    )
    assert found.uses("result") == {"get": 1, "id": 1, "state": 1, "ready": 1}
    assert found.uses("import") == {"celery.result": 1}


def test_canvas(project):
    found = project(
        {
            "tasks.py": APP + "@app.task\ndef add(a, b): ...\n",
            "flow.py": """
                from celery import chain, chord, group
                from tasks import add

                members = group(add.s(i, i) for i in range(3))
                done = members()
                done.join()
                chord(members)(add.si(1, 2)).get()
                (add.s(1, 2) | add.s(3)).apply_async(countdown=1)
                chain(add.s(1, 1), add.s(2)).set(queue="q").link_error(add.si(0, 0)).delay()
            """,
        }
    )
    assert found.uses("canvas") == {"group": 1, "chord": 1, "chain": 1, "a | b": 1}
    assert found.uses("group result") == {"join": 1}
    assert found.uses("result") == {"get": 1}
    assert found.uses("signature") == {"apply_async": 1, "set": 1, "link_error": 1, "delay": 1}
    assert found.uses("call option") == {"countdown": 1, "queue": 1}


def test_signals_exceptions_schedules_and_logging(project):
    found = project(
        {
            "code.py": """
                from celery import signals
                from celery.exceptions import SoftTimeLimitExceeded
                from celery.schedules import crontab
                from celery.signals import task_prerun as before
                from celery.utils.log import get_task_logger

                log = get_task_logger(__name__)

                @before.connect
                def one(**kwargs): ...

                signals.heartbeat_sent.connect(one)
                every = crontab(minute=0)

                try:
                    pass
                except SoftTimeLimitExceeded:
                    pass
            """
        }
    )
    assert found.uses("signal") == {"task_prerun": 1, "heartbeat_sent": 1}
    assert found.uses("exception") == {"SoftTimeLimitExceeded": 1}
    assert found.uses("schedule") == {"crontab": 1}
    assert found.uses("logging") == {"get_task_logger": 1}
    assert found.verdicts()["heartbeat_sent"] == "none"


def test_control_and_inspect(project):
    found = project(
        {
            "code.py": """
                from celery import current_app
                from elsewhere import celery_app

                celery_app.control.revoke("…", terminate=True)
                workers = current_app.control.inspect()
                workers.active(), workers.memdump()
            """
        }
    )
    assert found.uses("control") == {"revoke": 1, "inspect": 1}
    assert found.uses("inspect") == {"active": 1, "memdump": 1}


def test_what_nobody_knows_is_to_be_looked_at(project):
    found = project({"code.py": APP + "app.frobnicate()\n"})
    assert found.verdicts()["frobnicate"] == "look"


def test_packages_that_come_with_it(project):
    found = project(
        {
            "code.py": """
                from django_celery_beat.models import PeriodicTask
                from kombu import Exchange, Queue
                from kombu.utils.url import safequote

                queues = [Queue("a", Exchange("x"))]
            """
        }
    )
    assert found.uses("package") == {
        "django_celery_beat.models": 1, "kombu.Queue": 2, "kombu.Exchange": 2,
        "kombu.utils.url": 1,
    }  # fmt: skip


def test_a_package_of_the_projects_own_is_not_taken_for_another(project):
    files = {"flower/__init__.py": "", "flower/models.py": "rose = 'celery'\n"}
    found = project({**files, "shop.py": "from flower.models import rose\n"})
    assert found.result.uses == []


def test_pickle_is_found_where_it_is_chosen(project):
    found = project(
        {
            "code.py": APP
            + "@app.task(serializer='pickle')\ndef a(): ...\na.apply_async(serializer='json')\n"
        }
    )
    assert found.uses("value") == {"pickle": 1}
    assert found.verdicts()["pickle"] == "none"


def test_circles_of_imports_and_names_end(project):
    found = project(
        {
            "a.py": "from b import *\nfrom b import app, x\n\n@app.task\ndef f(): ...  # celery\n",
            "b.py": "from a import *\nfrom a import app, x  # celery\n\nx = x\n",
        }
    )
    assert found.result.uses == []


def test_what_is_an_application_only_by_its_name_may_have_attributes_of_its_own(project):
    found = project({"code.py": "from elsewhere import celery_app\n\ncelery_app.wrapped.conf\n"})
    assert found.result.uses == []
    found = project({"code.py": "from elsewhere import celery_app\n\ncelery_app.tasks\n"})
    assert found.uses("app") == {"tasks": 1}


def test_a_method_that_is_a_task(project):
    found = project(
        {
            "code.py": """
                from celery import shared_task

                class Sync:
                    @staticmethod
                    @shared_task(bind=True)
                    def run(self):
                        raise self.retry(countdown=1)
            """
        }
    )
    assert found.uses("task") == {"retry": 1}
    assert found.uses("call option") == {"countdown": 1}


def test_a_module_that_says_nothing_of_celery_is_read_if_another_one_needs_it(project):
    found = project(
        {
            "shop/__init__.py": "",
            "shop/queueing.py": "from shop.worker import thing as tasks\n",
            "shop/worker.py": "from celery import Celery\n\nthing = Celery()\n",
            "shop/jobs.py": "from shop.queueing import tasks\n\n@tasks.task\ndef f(): ...\n",
        }
    )
    assert found.uses("app") == {"task": 1}


def test_a_scan_from_inside_a_package(project):
    files = {
        "shop/__init__.py": "",
        "shop/celery.py": "from celery import Celery\n\napp = Celery()\n",
        "shop/tasks.py": "from .celery import app\n\n@app.task\ndef f(): ...\n",
    }
    assert project(files, "shop").uses("app") == {"task": 1}


def test_a_chord_with_its_body_is_a_signature(project):
    code = "from celery import chord\n\nchord([], body).apply_async(countdown=1).get()\n"
    found = project({"code.py": code})
    assert found.uses("signature") == {"apply_async": 1}
    assert found.uses("result") == {"get": 1}


def test_a_pool_from_elsewhere_is_no_task(project):
    code = "from celery import Celery\nfrom elsewhere import pool\n\npool.apply_async(f, (1,))\n"
    assert project({"code.py": code}).uses("task") == {}
