"""What an application declares to be enqueued when, in Celery's forms and ours."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from pgqueue import PgQueue, chain, crontab
from pgqueue.errors import ConfigurationError
from pgqueue.rows import FOREVER
from pgqueue.schedules import as_json, schedule, strangers


@pytest.fixture
def app():
    app = PgQueue("shop", dsn="postgresql://nowhere.invalid/")

    @app.task(name="count", queue="stock", priority=4, max_retries=None)
    def count(what, *, twice=False):
        return what, twice

    return app


def declared(app):
    return {each.name: each for each in app.schedules()}


def test_a_beat_schedule_of_celery_is_understood(app):
    app.conf.beat_schedule = {
        "plain": {"task": "elsewhere", "schedule": 30},
        "full": {
            "task": "count",
            "schedule": crontab(minute=0, hour="*/3"),
            "args": ("chairs",),
            "kwargs": {"twice": True},
            "options": {"queue": "slow", "expires": 60, "headers": {"a": 1}, "time_limit": 5},
            "relative": False,
        },
        "relative": {
            "task": "count",
            "schedule": timedelta(hours=1),
            "args": ["x"],
            "relative": True,
        },
        "made": {"task": "count", "schedule": schedule(5.5), "args": ["x"]},
    }
    found = declared(app)
    assert (found["plain"].schedule, found["plain"].queue) == ("every 30 seconds", "default")
    full = found["full"]
    assert (full.schedule, full.args, full.kwargs) == (
        "0 */3 * * *",
        '["chairs"]',
        '{"twice":true}',
    )
    assert (full.queue, full.priority, full.expires_in, full.max_attempts) == (
        "slow",
        4,
        60,
        FOREVER,
    )
    assert json.loads(full.headers) == {"a": 1, "pgqueue": {"time_limit": 5.0}}
    assert found["relative"].schedule == "every hour relative"
    assert found["made"].schedule == "every 5.5 seconds"


def test_a_handler_of_celery_adds_schedules(app):
    @app.on_after_configure.connect
    def set_up(sender, **kwargs):
        count = sender.tasks["count"]
        assert sender.add_periodic_task(10.0, count.s("a"), name="named", expires=5) == "named"
        sender.add_periodic_task(crontab(hour=7), count.s("b").set(queue="q"), kwargs={"twice": 1})

    app.import_tasks()
    found = declared(app)
    assert found.keys() == {"named", "count('b', twice=1)"}
    assert found["named"].expires_in == 5
    assert found["count('b', twice=1)"].queue == "q"


def test_a_periodic_task_is_a_task_with_a_schedule_of_its_name(app):
    @app.periodic_task("*/5 * * * *", name="tidy", queue="slow", overlap="skip", args=[1])
    def tidy(days):
        return days

    @app.periodic_task(timedelta(minutes=1))
    @app.task(name="inner")
    def inner():
        return None

    assert tidy(3) == 3
    assert app.tasks["tidy"] is tidy
    found = declared(app)
    assert (found["tidy"].queue, found["tidy"].overlap, found["tidy"].args) == (
        "slow",
        "skip",
        "[1]",
    )
    assert found["inner"].schedule == "every minute"


def test_the_zone_is_the_schedules_own_or_the_settings(app):
    app.add_periodic_task("0 9 * * *", app.tasks["count"].s(1), name="ours")
    app.add_periodic_task(
        "0 9 * * *", app.tasks["count"].s(1), name="own", timezone=ZoneInfo("Asia/Tokyo")
    )
    assert [declared(app)[name].timezone for name in ("ours", "own")] == ["UTC", "Asia/Tokyo"]
    app.conf.timezone = "Europe/Oslo"
    assert declared(app)["ours"].timezone == "Europe/Oslo"


@pytest.mark.parametrize(
    ("entry", "complaint"),
    [
        ({}, "there is no 'task'"),
        ({"task": "count"}, "there is no 'schedule'"),
        ({"shedule": 30}, "did you mean 'schedule'"),
        ({"schedule": "now and then"}, "five fields"),
        ({"args": []}, "missing"),
        ({"args": [object()]}, "args"),
        ({"options": {"que": "x"}}, "did you mean queue="),
        ({"options": {"eta": datetime.now(UTC)}}, "has many jobs"),
        ({"options": {"expires": datetime.now(UTC)}}, "give seconds"),
        ({"timezone": "Middle/Earth"}, "no such time zone"),
        ({"catch_up": -1}, "catch_up"),
        ({"overlap": "perhaps"}, "allow, skip"),
    ],
)
def test_what_is_wrong_is_refused_with_the_name_of_its_schedule(app, entry, complaint):
    good = {"task": "count", "schedule": 30, "args": ["x"]}
    app.conf.beat_schedule = {
        "nightly": {**good, **entry} if len(entry) and "task" not in entry else entry
    }
    with pytest.raises(ConfigurationError, match=complaint) as raised:
        app.schedules()
    assert "'nightly'" in str(raised.value)


def test_an_added_schedule_is_named_as_what_it_is(app):
    app.add_periodic_task(30, app.tasks["count"].s("x"), name="often", overlap="perhaps")
    with pytest.raises(ConfigurationError, match=r"^schedule 'often': overlap='perhaps'"):
        app.schedules()


def test_each_application_has_a_beat_schedule_of_its_own(app):
    app.conf.beat_schedule["often"] = {"task": "count", "schedule": 30, "args": ["x"]}
    app.conf.timezone = "Europe/Oslo"  # which has all settings read anew
    assert [each.name for each in app.schedules()] == ["often"]
    assert PgQueue("other", dsn="postgresql://nowhere.invalid/").schedules() == []


def test_a_canvas_has_many_jobs_and_is_refused(app):
    count = app.tasks["count"]
    with pytest.raises(ConfigurationError, match="several jobs"):
        app.add_periodic_task(30, chain(count.s("a"), count.s()))


def test_declarations_are_json_whose_values_are_values(app):
    app.add_periodic_task(30, app.tasks["count"].s("a"), name="a")
    (row,) = json.loads(as_json(app.schedules()))
    assert (row["args"], row["kwargs"], row["headers"]) == (["a"], {}, None)


def test_a_schedule_of_a_task_that_is_not_there_is_told_of(app):
    app.task(name="shop.tidy")(lambda: None)
    for name, task in (("near", "shop.tidi"), ("far", "x.y"), ("known", "shop.tidy")):
        app.conf.beat_schedule = {**app.conf.beat_schedule, name: {"task": task, "schedule": 5}}
    near, far = strangers(app, app.schedules())
    assert near.startswith("schedule near: no task is named shop.tidi here")
    assert near.endswith("; did you mean shop.tidy?")
    assert "did you mean" not in far
