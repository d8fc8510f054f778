"""The table of settings: complete, consistent, and the same in the documentation."""

from __future__ import annotations

import re

import pytest

from pgqueue import celery_setting
from pgqueue.settings import SETTINGS
from pgqueue.settings.values import checked

#: How many settings Celery 5.7 has in each group.
GROUPS = {
    "accept": 1, "arangodb": 1, "azureblockblob": 7, "beat": 8, "broker": 23, "cache": 2,
    "cassandra": 11, "control": 5, "cosmosdbsql": 5, "couchbase": 1, "database": 7,
    "elasticsearch": 4, "enable": 1, "event": 7, "gcs": 4, "imports": 1, "include": 1,
    "mongodb": 1, "redis": 11, "result": 19, "s3": 6, "security": 5, "task": 39, "timezone": 1,
    "worker": 36,
}  # fmt: skip


def test_every_setting_of_celery_is_there_once():
    counted: dict[str, int] = {}
    for setting in SETTINGS.values():
        if not setting.ours:
            group = setting.name.split("_")[0]
            counted[group] = counted.get(group, 0) + 1
    assert counted == GROUPS


@pytest.mark.parametrize("name", SETTINGS)
def test_each_says_what_it_means(name):
    setting = SETTINGS[name]
    assert setting.name == name
    assert setting.meaning in ("same", "differs", "none")
    assert re.fullmatch(r"\S.*[^.]", setting.note)
    assert checked(name, setting.default) == setting.default


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("CELERY_ALWAYS_EAGER", "task_always_eager"),
        ("CELERY_EAGER_PROPAGATES_EXCEPTIONS", "task_eager_propagates"),
        ("CELERY_DEFAULT_QUEUE", "task_default_queue"),
        ("CELERY_ROUTES", "task_routes"),
        ("CELERY_TASK_SERIALIZER", "task_serializer"),
        ("CELERY_RESULT_BACKEND", "result_backend"),
        ("CELERY_TASK_RESULT_EXPIRES", "result_expires"),
        ("CELERY_ACCEPT_CONTENT", "accept_content"),
        ("CELERY_TIMEZONE", "timezone"),
        ("CELERY_IMPORTS", "imports"),
        ("CELERYD_CONCURRENCY", "worker_concurrency"),
        ("CELERYD_TASK_TIME_LIMIT", "task_time_limit"),
        ("CELERYBEAT_SCHEDULE", "beat_schedule"),
        ("BROKER_URL", "broker_url"),
        ("CELERY_SEND_EVENTS", "worker_send_task_events"),
    ],
)
def test_old_names_are_understood(old, new):
    assert celery_setting(old) == SETTINGS[new]


def test_names_are_those_of_one_setting_only():
    old = [name for setting in SETTINGS.values() if not setting.ours for name in setting.old]
    assert len(old) == len(set(old))
    assert not set(old) & SETTINGS.keys()


def test_what_is_no_setting_of_celery_is_none():
    assert celery_setting("dsn") is None
    assert celery_setting("task_rutes") is None
