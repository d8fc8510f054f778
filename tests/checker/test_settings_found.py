"""Settings are found in settings modules, on `app.conf`, in dicts and in tests."""

from __future__ import annotations

import pytest

APP = "from celery import Celery\n\napp = Celery('shop')\n"


def test_djangos_settings_with_a_namespace(project):
    found = project(
        {
            "shop/celery.py": APP
            + "app.config_from_object('django.conf:settings', namespace='QUEUE')\n",
            "shop/settings.py": """
                import os

                QUEUE_BROKER_URL = os.environ["CELERY_URL"]
                QUEUE_TASK_TIME_LIMIT = 5
                if os.environ.get("X"):
                    QUEUE_TASK_ALWAYS_EAGER = True
                INSTALLED_APPS = []
            """,
        }
    )
    assert found.uses("setting") == {"broker_url": 1, "task_time_limit": 1, "task_always_eager": 1}


@pytest.mark.parametrize(
    ("name", "setting"),
    [
        ("CELERY_TASK_ALWAYS_EAGER", "task_always_eager"),
        ("CELERY_ALWAYS_EAGER", "task_always_eager"),
        ("CELERY_EAGER_PROPAGATES_EXCEPTIONS", "task_eager_propagates"),
        ("CELERYD_CONCURRENCY", "worker_concurrency"),
        ("CELERYD_TASK_SOFT_TIME_LIMIT", "task_soft_time_limit"),
        ("CELERYBEAT_SCHEDULE", "beat_schedule"),
        ("CELERY_TASK_RESULT_EXPIRES", "result_expires"),
        ("CELERY_ROUTES", "task_routes"),
        ("BROKER_URL", "broker_url"),
        ("CELERY_TIMEZONE", "timezone"),
        ("CELERY_REDIS_MAX_CONNECTIONS", "redis_max_connections"),
        ("CELERY_SEND_TASK_SENT_EVENT", "task_send_sent_event"),
    ],
)
def test_names_of_today_and_of_before(project, name, setting):
    assert project({"settings.py": f"{name} = None\n"}).uses("setting") == {setting: 1}


def test_a_settings_module_in_lower_case(project):
    files = {
        "app.py": APP + "app.config_from_object('shop.queueing')\n",
        "shop/queueing.py": "broker_url = 'amqp://'  # celery\ntask_acks_late = True\nmine = 1\n",
        "celeryconfig.py": "worker_concurrency = 4\n",
    }
    assert project(files).uses("setting") == {
        "broker_url": 1, "task_acks_late": 1, "worker_concurrency": 1,
    }  # fmt: skip


def test_a_class_of_settings(project):
    files = {"config.py": "class CeleryConfig:\n    broker_url = 'redis://'\n    helper = 1\n"}
    assert project(files).uses("setting") == {"broker_url": 1}


def test_conf_by_attribute_item_and_update(project):
    found = project(
        {
            "app.py": APP
            + """
app.conf.timezone = "UTC"
app.conf["task_track_started"] = True
app.conf.update(task_default_queue="a", worker_prefetch_multiplier=1)
app.conf.update({"enable_utc": True, "beat_schedule": {}})
app.conf.update(**made())
app.conf.task_allways_eager = True
"""
        }
    )
    assert found.uses("setting") == {
        "timezone": 1, "task_track_started": 1, "task_default_queue": 1,
        "worker_prefetch_multiplier": 1, "enable_utc": 1, "beat_schedule": 1,
        "task_allways_eager": 1,
    }  # fmt: skip
    assert found.verdicts()["task_allways_eager"] == "look"
    assert found.unresolved == ["settings that are made at run time: made()"]


def test_dicts_for_flask_and_in_tests(project):
    found = project(
        {
            "web.py": """
                app.config.from_mapping(CELERY=dict(broker_url="redis://", task_ignore_result=True))
                app.config["CELERY_RESULT_BACKEND"]
            """,
            "tests.py": """
                @override_settings(CELERY_TASK_ALWAYS_EAGER=True)
                def test_it(settings):
                    settings.CELERY_TASK_EAGER_PROPAGATES = True
                    getattr(settings, "CELERY_TIMEZONE", "UTC")
            """,
        }
    )
    assert found.uses("setting") == {
        "broker_url": 1, "task_ignore_result": 1, "result_backend": 1, "task_always_eager": 1,
        "task_eager_propagates": 1, "timezone": 1,
    }  # fmt: skip


def test_the_projects_own_names_are_remarked_upon_not_counted(project):
    found = project({"settings.py": "CELERY_TASK_ALWAYS_EAGRE = True\n"})
    assert found.result.uses == []
    assert "CELERY_TASK_ALWAYS_EAGRE is not a setting of Celery's" in found.unresolved[0]


def test_entries_of_a_schedule(project):
    found = project(
        {
            "settings.py": """
                CELERY_BEAT_SCHEDULE = {
                    "a": {"task": "a", "schedule": 3, "options": {"queue": "q"}},
                    "b": {"task": "b", "schedule": 3, "args": [1]},
                }
            """
        }
    )
    assert found.uses("schedule") == {
        "entry: task": 2, "entry: schedule": 2, "entry: options": 1, "entry: args": 1,
    }  # fmt: skip


def test_serializers_that_are_not_json(project):
    found = project(
        {
            "settings.py": """
                CELERY_TASK_SERIALIZER = "pickle"
                CELERY_ACCEPT_CONTENT = ["json", "application/x-yaml", "yaml"]
            """
        }
    )
    assert found.uses("value") == {"pickle": 1, "yaml": 1}


def test_a_dict_that_only_sounds_like_settings(project):
    found = project({"settings.py": "CELERY_EMAIL_TASK_CONFIG = {'rate_limit': '50/m'}\n"})
    assert found.uses("setting") == {}


def test_settings_as_arguments_of_the_application(project):
    found = project({"app.py": "from celery import Celery\n\napp = Celery(task_acks_late=True)\n"})
    assert found.uses("setting") == {"task_acks_late": 1}
    assert found.uses("app argument") == {}
