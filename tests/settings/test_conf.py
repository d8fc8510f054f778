"""`app.conf`: read and set under every name, checked, and told where it means nothing."""

from __future__ import annotations

from datetime import UTC, timedelta
from zoneinfo import ZoneInfo

import pytest

from pgqueue import ConfigurationError, ConfigurationWarning


def refusal(act):
    with pytest.raises(ConfigurationError) as caught:
        act()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_setting_is_an_attribute_and_an_item_under_both_names(app):
    conf = app.conf
    conf.task_default_queue = "a"
    assert (conf.task_default_queue, conf["task_default_queue"]) == ("a", "a")
    conf["task_default_queue"] = "b"
    assert (conf.CELERY_DEFAULT_QUEUE, conf["CELERY_DEFAULT_QUEUE"]) == ("b", "b")
    conf.CELERY_DEFAULT_QUEUE = "c"
    conf.update({"task_ignore_result": True}, CELERYD_CONCURRENCY=3)
    assert conf.get("task_default_queue") == "c"
    assert (conf.task_ignore_result, conf.worker_concurrency) == (True, 3)
    assert conf.setdefault("task_default_queue", "d") == "c"


def test_what_nobody_sets_is_as_it_is_by_default(app):
    assert app.conf.task_default_queue == "default"
    assert app.conf.task_always_eager is False
    assert app.conf.worker_concurrency is None
    assert app.conf.timezone is None
    assert app.conf.accept_content == ("json",)


def test_a_setting_can_be_forgotten_again(app):
    app.conf.task_default_queue = "a"
    del app.conf.task_default_queue
    assert app.conf.task_default_queue == "default"


def test_of_many_either_all_are_set_or_none(app):
    with pytest.raises(ConfigurationError):
        app.conf.update(task_default_queue="a", task_time_limit="long")
    assert app.conf.task_default_queue == "default"


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("task_rutes", "task_routes"),
        ("task_alway_eager", "task_always_eager"),
        ("worker_conurrency", "worker_concurrency"),
        ("CELERY_ALWAYS_EGER", "CELERY_ALWAYS_EAGER"),
    ],
)
def test_a_typing_error_gets_the_nearest_name(app, name, near):
    assert refusal(lambda: setattr(app.conf, name, 1)) == (
        f"app.conf: {name!r} is not a setting; did you mean {near!r}?"
    )
    with pytest.raises(AttributeError, match=f"did you mean '{near}'"):
        getattr(app.conf, name)
    with pytest.raises(KeyError, match=f"did you mean '{near}'"):
        app.conf[name]


def test_other_names_are_refused_unless_they_are_in_capitals(app):
    assert "write values of your own IN_CAPITALS" in refusal(lambda: app.conf.update(colour="red"))
    app.conf.SHOP_COLOUR = "red"
    assert (app.conf.SHOP_COLOUR, app.conf["SHOP_COLOUR"]) == ("red", "red")
    assert not hasattr(app.conf, "SHOP_SIZE")


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("task_always_eager", "maybe", "give True or False"),
        ("task_time_limit", 0, "give a number of seconds, above 0"),
        ("worker_concurrency", 0, "give a whole number, 1 or more"),
        ("worker_max_tasks_per_child", 1.5, "give a whole number, 1 or more"),
        ("task_default_priority", 10, "give 0 to 9"),
        ("task_queues", {"a\n"}, "a name is a text of printable characters"),
        ("imports", [1], "give a list of names"),
        ("timezone", "Mars/Olympus", "there is no such time zone"),
        ("beat_schedule", [], "give a dict"),
        ("task_serializer", "pickle", "values are JSON here: pass ids and plain values"),
        ("result_serializer", "yaml", "values are JSON here"),
        ("accept_content", ["pickle"], "values are JSON here"),
    ],
)
def test_a_value_that_it_cannot_have_is_refused_with_the_remedy(app, name, value, message):
    said = refusal(lambda: setattr(app.conf, name, value))
    assert said.startswith("app.conf: ")
    assert message in said


def test_values_come_in_one_form(app):
    app.conf.update(
        task_time_limit=timedelta(minutes=1),
        imports="shop.tasks",
        task_queues=["a", type("Queue", (), {"name": "b"})()],
        worker_concurrency="auto",
        accept_content=["application/json"],
    )
    assert app.conf.task_time_limit == 60.0
    assert app.conf.imports == ("shop.tasks",)
    assert app.conf.task_queues == ("a", "b")
    assert app.conf.worker_concurrency is None


def test_what_means_nothing_here_is_told_once_in_one_warning(app):
    app.conf.update(
        broker_url="redis://localhost/0",
        broker_transport_options={"visibility_timeout": 3600},
        worker_prefetch_multiplier=1,
        task_default_queue="shop",
    )
    with pytest.warns(ConfigurationWarning) as told:
        assert app.conf.task_default_queue == "shop"
    (text,) = [str(each.message) for each in told]
    names = ["broker_transport_options", "broker_url", "worker_prefetch_multiplier"]
    assert sorted(line.split(":")[0].strip() for line in text.splitlines()[1:]) == names
    assert "redis://" not in text
    assert app.conf.broker_url == "redis://localhost/0"  # told once: a second warning is an error
    assert app.conf.remarks == [text]


@pytest.mark.parametrize(
    ("name", "value", "part"),
    [
        ("task_acks_late", False, "runs again here, always"),
        ("result_expires", 3600, "set keep to 3600 seconds"),
        ("result_expires", timedelta(days=2), "set keep to 172800 seconds"),
    ],
)
def test_what_means_something_else_is_told(app, name, value, part):
    setattr(app.conf, name, value)
    with pytest.warns(ConfigurationWarning, match=part):
        assert app.conf[name] == value


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("task_acks_late", True),
        ("result_expires", 86400),
        ("task_reject_on_worker_lost", True),
        ("broker_url", None),
        ("beat_schedule", {"tick": {"task": "tick", "schedule": 60}}),
    ],
)
def test_what_is_so_anyway_is_not_worth_a_word(app, name, value):
    setattr(app.conf, name, value)
    assert app.conf[name] == value


def test_the_time_zone(app):
    assert app.timezone == UTC
    app.conf.timezone = "Europe/Oslo"
    assert app.timezone == ZoneInfo("Europe/Oslo")
    assert app.now().tzinfo == app.timezone
    app.conf.update(timezone=None, enable_utc=False)
    assert app.now().utcoffset() == app.now().astimezone().utcoffset()
