"""Where settings are written down, what each place may hold, and which one wins."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest

from pgqueue import ConfigurationError, ConfigurationWarning, PgQueue


def refusal(app):
    with pytest.raises(ConfigurationError) as caught:
        len(app.conf)
    return str(caught.value)


@pytest.mark.parametrize(
    "source",
    [
        "shopconf",
        "proj.settings:worker",
        "proj.settings.worker",
        SimpleNamespace(task_default_queue="shop", timezone="Europe/Oslo", helper=print),
        {"task_default_queue": "shop", "timezone": "Europe/Oslo"},
        {"CELERY_DEFAULT_QUEUE": "shop", "CELERY_TIMEZONE": "Europe/Oslo"},
    ],
)
def test_settings_come_from_modules_objects_and_dicts(app, write, source):
    write("shopconf.py", "import os\ntask_default_queue = 'shop'\ntimezone = 'Europe/Oslo'\n")
    write("proj/__init__.py", "")
    write(
        "proj/settings.py",
        "class worker:\n    task_default_queue = 'shop'\n    timezone = 'Europe/Oslo'\n",
    )
    app.config_from_object(source)
    assert (app.conf.task_default_queue, app.conf.timezone) == ("shop", "Europe/Oslo")


@pytest.mark.parametrize("namespace", ["CELERY", "celery", "CELERY_", "PGQUEUE", "JOBS"])
def test_with_a_namespace_only_names_that_begin_with_it_count(app, namespace):
    prefix = namespace.rstrip("_").upper()
    source = {f"{prefix}_TASK_DEFAULT_QUEUE": "shop", "DEBUG": True, "TASK_IGNORE_RESULT": True}
    app.config_from_object(source, namespace=namespace)
    assert app.conf.task_default_queue == "shop"
    assert app.conf.task_ignore_result is False
    assert "DEBUG" not in app.conf


def test_a_module_is_read_when_the_first_setting_is_asked_for(app, write):
    write("lazyconf.py", "task_default_queue = 'shop'\n")
    app.config_from_object("lazyconf")
    app.conf.task_ignore_result = True
    assert "lazyconf" not in sys.modules
    assert app.conf.task_default_queue == "shop"
    assert "lazyconf" in sys.modules


def test_or_at_once_by_force(app, write):
    write("eagerconf.py", "task_default_queue = 'shop'\n")
    app.config_from_object("eagerconf", force=True)
    assert "eagerconf" in sys.modules


def test_a_settings_module_may_import_the_application_that_reads_it(write):
    """As Django's settings do, by way of proj/__init__.py, and modules with tasks."""
    write("ring/__init__.py", "from ring.jobs import app\n")
    write(
        "ring/jobs.py",
        """
        from pgqueue import PgQueue
        app = PgQueue("ring")
        app.config_from_object("ring.settings")
        @app.task
        def work(): ...
        """,
    )
    write(
        "ring/settings.py",
        "from ring.jobs import app, work\nassert work.queue\ntask_default_queue = 'shop'\n",
    )
    from ring import app  # noqa: PLC0415 (it was written just now)

    assert app.conf.task_default_queue == "shop"
    assert app.tasks["ring.jobs.work"].queue == "shop"


def test_keywords_of_the_application(write):
    write("kwconf.py", "SHOP_TASK_DEFAULT_QUEUE = 'shop'\n")
    app = PgQueue(main="shop", config_source="kwconf", namespace="SHOP")
    assert (app.name, app.conf.task_default_queue) == ("shop", "shop")


@pytest.mark.parametrize("name", ["no_such_conf", "proj.nothing", "shopconf:nothing"])
def test_a_place_that_is_not_there_is_named_unless_silence_is_asked_for(app, write, name):
    write("shopconf.py", "")
    write("proj/__init__.py", "")
    app.config_from_object(name)
    assert refusal(app).startswith(f"config_from_object({name!r}): there is no ")
    app.config_from_object(name, silent=True)
    assert app.conf.task_default_queue == "default"


def test_an_error_inside_of_it_is_passed_on(app, write):
    write("brokenconf.py", "import no_such_library\n")
    app.config_from_object("brokenconf")
    with pytest.raises(ModuleNotFoundError, match="no_such_library"):
        len(app.conf)


def test_config_from_envvar(app, write, monkeypatch):
    write("envconf.py", "task_default_queue = 'shop'\n")
    with pytest.raises(ConfigurationError, match="that variable is not set"):
        app.config_from_envvar("SHOP_CONFIG")
    app.config_from_envvar("SHOP_CONFIG", silent=True)
    monkeypatch.setenv("SHOP_CONFIG", "envconf")
    app.config_from_envvar("SHOP_CONFIG")
    assert app.conf.task_default_queue == "shop"


@pytest.mark.parametrize(
    ("source", "namespace", "message"),
    [
        ({"CELERY_TASK_RUTES": {}}, "CELERY", "did you mean CELERY_TASK_ROUTES?"),
        ({"CELERY_ALWAYS_EAGER": True}, "CELERY", "with the namespace it is CELERY_TASK_ALWAYS"),
        ({"CELERY_TASK_SERIALIZER": "pickle"}, "CELERY", "values are JSON here"),
        (SimpleNamespace(task_default_que="a"), None, "did you mean 'task_default_queue'?"),
        ({"colour": 1}, None, "'colour' is not a setting"),
    ],
)
def test_typing_errors_are_found_in_them(app, source, namespace, message):
    app.config_from_object(source, namespace=namespace)
    assert message in refusal(app)


def test_settings_of_other_packages_under_the_namespace_are_passed_over_with_a_word(app):
    app.config_from_object({"CELERY_EMAIL_CHUNK_SIZE": 50}, namespace="CELERY")
    with pytest.warns(ConfigurationWarning, match="CELERY_EMAIL_CHUNK_SIZE: is not a setting"):
        assert app.conf.task_default_queue == "default"


def test_an_object_may_hold_other_things(app):
    app.config_from_object(SimpleNamespace(colour="red", DEBUG=True, SECRET_KEY="s"))
    assert app.conf.task_default_queue == "default"
    assert app.conf.DEBUG is True


# ── the environment, pyproject.toml, and which wins ──


def test_variables_of_the_environment(app, monkeypatch):
    monkeypatch.setenv("PGQUEUE_TASK_DEFAULT_QUEUE", "shop")
    monkeypatch.setenv("PGQUEUE_WORKER_CONCURRENCY", "7")
    monkeypatch.setenv("PGQUEUE_TASK_ALWAYS_EAGER", "true")
    monkeypatch.setenv("PGQUEUE_IMPORTS", "a, b")
    monkeypatch.setenv("PGQUEUE_TASK_TIME_LIMIT", "2.5")
    monkeypatch.setenv("PGQUEUE_SERVICE_HOST", "10.0.0.1")  # as Kubernetes sets for a service
    conf = app.conf
    assert (conf.task_default_queue, conf.worker_concurrency) == ("shop", 7)
    assert (conf.task_always_eager, conf.imports, conf.task_time_limit) == (True, ("a", "b"), 2.5)


def test_a_variable_that_cannot_be_is_named(app, monkeypatch):
    monkeypatch.setenv("PGQUEUE_WORKER_CONCURRENCY", "many")
    assert refusal(app).startswith("PGQUEUE_WORKER_CONCURRENCY: worker_concurrency='many': give")


def test_a_variable_that_is_nearly_one_gets_a_word(app, monkeypatch):
    monkeypatch.setenv("PGQUEUE_WORKER_CONCURENCY", "7")
    with pytest.warns(ConfigurationWarning, match="did you mean PGQUEUE_WORKER_CONCURRENCY"):
        assert app.conf.worker_concurrency is None


def test_the_nearest_pyproject_file(app, write, folder, monkeypatch):
    write(
        "pyproject.toml",
        """
        [tool.pgqueue]
        app = "shop:app"
        task_default_queue = "shop"
        [tool.pgqueue.task_routes]
        "mail.*" = "mail"
        """,
    )
    (folder / "inner").mkdir()
    monkeypatch.chdir(folder / "inner")
    assert app.conf.task_default_queue == "shop"
    assert app.conf.routes.fixed("mail.send") == {"queue": "mail"}


def test_a_mistake_in_it_is_named(app, write, folder):
    write("pyproject.toml", "[tool.pgqueue]\ntask_default_que = 'a'\n")
    assert refusal(app) == (
        f"{folder / 'pyproject.toml'}: 'task_default_que' is not a setting; did you mean "
        "'task_default_queue'?"
    )


@pytest.mark.parametrize("why", ["everybody's folder", "not text", "a folder", "no folder"])
def test_one_that_is_not_to_be_trusted_or_cannot_be_read_says_nothing(app, write, folder, why):
    write("pyproject.toml", "[tool.pgqueue]\ntask_default_queue = 'a'\n")
    if why == "everybody's folder":
        folder.chmod(0o777)
    elif why == "not text":
        (folder / "pyproject.toml").write_bytes(b"[tool.pgqueue]\xff")
    else:
        (folder / "pyproject.toml").unlink()
        if why == "a folder":
            (folder / "pyproject.toml").mkdir()
        else:
            folder.rmdir()
    assert app.conf.task_default_queue == "default"


def test_what_is_nearer_to_the_run_wins_and_code_above_all(write, monkeypatch):
    write("pyproject.toml", "[tool.pgqueue]\ntask_default_queue = 'project'\n")
    assert PgQueue().conf.task_default_queue == "project"
    app = PgQueue(config_source={"task_default_queue": "object"})
    assert app.conf.task_default_queue == "object"
    monkeypatch.setenv("PGQUEUE_TASK_DEFAULT_QUEUE", "environment")
    app = PgQueue(config_source={"task_default_queue": "object"})
    assert app.conf.task_default_queue == "environment"
    app.conf.task_default_queue = "code"
    assert app.conf.task_default_queue == "code"
    app.config_from_object({"task_default_queue": "another object"})
    assert app.conf.task_default_queue == "code"


def test_the_database_can_be_a_setting(write, monkeypatch):
    app = PgQueue(config_source={"dsn": "postgresql:///shop"})
    assert app.dsn == "postgresql:///shop"
    monkeypatch.setenv("PGQUEUE_DSN", "postgresql:///environment")
    assert app.dsn == "postgresql:///environment"
    given = PgQueue(dsn="postgresql:///given", config_source={"dsn": "postgresql:///shop"})
    assert given.dsn == "postgresql:///given"


def test_broker_and_backend_are_told_what_to_do_instead():
    with pytest.warns(ConfigurationWarning) as told:
        app = PgQueue("shop", broker="redis://:secret@localhost", backend="rpc://")
    first, second = [str(each.message) for each in told]
    assert first.startswith("PgQueue(broker=…): there is no broker: jobs and results are in")
    assert second.startswith("PgQueue(backend=…): there is no result backend")
    assert "secret" not in first
    assert app.name == "shop"
