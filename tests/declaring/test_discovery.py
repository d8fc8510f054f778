"""Modules with tasks: named by the application, found in packages, and in Celery's places."""

from __future__ import annotations

import sys

import pytest

from pgqueue import ConfigurationError, PgQueue
from pgqueue.loading import load_app

TASK = "from pgqueue import shared_task\n@shared_task\ndef work(): ...\n"


@pytest.fixture
def packages(write):
    for name in ("one", "two", "three"):
        write(f"{name}/__init__.py")
    write("one/tasks.py", TASK)
    write("two/tasks.py", TASK)
    write("two/jobs.py", TASK)


def test_discovery_waits_until_tasks_are_wanted(app, packages):
    app.autodiscover_tasks(["one", "three"])
    assert "one.tasks" not in sys.modules
    app.import_tasks()
    assert list(app.tasks) == ["one.tasks.work"]


def test_or_happens_at_once_by_force(app, packages):
    app.autodiscover_tasks(["one", "two"], force=True)
    assert list(app.tasks) == ["one.tasks.work", "two.tasks.work"]


@pytest.mark.parametrize(
    ("packages_given", "related", "found"),
    [
        (lambda: ["one"], "tasks", ["one.tasks.work"]),
        (["one", "two"], "jobs", ["two.jobs.work"]),
        (["two.jobs"], None, ["two.jobs.work"]),
        (["one.apps.OneConfig"], "tasks", []),
        ("one", "tasks", ["one.tasks.work"]),
    ],
)
def test_other_forms(app, packages, packages_given, related, found):
    app.autodiscover_tasks(packages_given, related_name=related)
    if packages_given == ["one.apps.OneConfig"]:
        with pytest.raises(ModuleNotFoundError):
            app.import_tasks()
        return
    app.import_tasks()
    assert list(app.tasks) == found


def test_a_package_that_is_not_there_is_an_error_and_so_is_one_in_a_module(app, packages, write):
    app.autodiscover_tasks(["nowhere"])
    with pytest.raises(ModuleNotFoundError, match="nowhere"):
        app.import_tasks()
    other = PgQueue("other")
    write("three/tasks.py", "import no_such_library\n")
    other.autodiscover_tasks(["three"])
    with pytest.raises(ModuleNotFoundError, match="no_such_library"):
        other.import_tasks()


def test_without_packages_it_is_for_django(app, monkeypatch):
    monkeypatch.delenv("DJANGO_SETTINGS_MODULE", raising=False)
    app.autodiscover_tasks()
    with pytest.raises(ConfigurationError, match="set DJANGO_SETTINGS_MODULE, or name"):
        app.import_tasks()


def test_imports_and_include_in_settings_and_keywords(packages):
    app = PgQueue("shop", include=["one.tasks"])
    app.conf.update(imports=["two.tasks"], include="two.jobs")
    app.import_tasks()
    assert list(app.tasks) == ["two.tasks.work", "one.tasks.work", "two.jobs.work"]


# ── -A ──


@pytest.mark.parametrize(
    ("spec", "init", "module"),
    [
        ("proj", "", "app = PgQueue('it')"),
        ("proj", "", "celery = PgQueue('it')"),
        ("proj", "from .celery import app as celery_app", "app = PgQueue('it')"),
        ("proj", "from .celery import celery", "celery = PgQueue('it'); other = PgQueue()"),
        ("proj:celery_app", "from .celery import app as celery_app", "app = PgQueue('it')"),
        ("proj.celery", "", "app = PgQueue('it'); other = PgQueue()"),
        ("proj.celery", "", "celery = PgQueue('it'); other = PgQueue()"),
        ("proj.celery:app", "", "app = PgQueue('it')"),
        ("proj.celery.app", "", "app = PgQueue('it')"),
        ("proj", "", "from pgqueue import current_app; app = PgQueue('it')"),
    ],
)
def test_an_application_is_found_as_celery_finds_it(write, spec, init, module):
    write("proj/__init__.py", init)
    write("proj/celery.py", f"from pgqueue import PgQueue\n{module}\n")
    app = load_app(spec)
    assert app.name == "it"
    assert type(app) is PgQueue


def test_the_one_that_is_loaded_is_current(write):
    write(
        "proj.py",
        "from pgqueue import PgQueue, current_app, shared_task\napp = PgQueue('it')\n"
        "other = PgQueue('other')\n@shared_task\ndef work(): ...\n",
    )
    app = load_app("proj")
    assert sys.modules["proj"].work.app is app
