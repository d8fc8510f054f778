"""The options of `@app.task`: what they are, which are refused, and that tasks show them."""

from __future__ import annotations

import pytest

from pgqueue import ConfigurationError, ConfigurationWarning, InvalidCall, InvalidOption, Task
from pgqueue.declaring import TaskOptions
from pgqueue.retry import RetryPolicy
from pgqueue.rows import FOREVER

#: A value for every option, other than what it is by default.
OPTIONS = {
    "name": "pay",
    "queue": "billing",
    "priority": 7,
    "expires": 60.0,
    "time_limit": 20,
    "soft_time_limit": 10,
    "max_retries": 5,
    "default_retry_delay": 30,
    "autoretry_for": (OSError,),
    "dont_autoretry_for": (FileNotFoundError,),
    "retry_backoff": 2,
    "retry_backoff_max": 300,
    "retry_jitter": False,
    "retry_kwargs": {"max_retries": 4, "countdown": 1},
    "rate_limit": "10/m",
    "rate_burst": 3,
    "rate_key": "currency",
    "max_concurrency": 2,
    "concurrency_key": "currency",
    "fair": True,
    "ignore_result": True,
    "store_errors_even_if_ignored": True,
    "track_started": True,
    "acks_late": True,
    "reject_on_worker_lost": True,
    "serializer": "json",
    "throws": (KeyError,),
    "typing": False,
    "pydantic": True,
    "pydantic_strict": True,
    "pydantic_context": {"a": 1},
    "pydantic_dump_kwargs": {"by_alias": True},
    "unique": ["amount"],
    "unique_key": "till",
    "unique_until": "start",
    "unique_for": 60,
    "on_duplicate": "raise",
}


def pay(amount, currency="EUR"):
    return f"{amount} {currency}"


def test_every_option_is_an_attribute_of_the_task(app):
    assert OPTIONS.keys() == TaskOptions.__annotations__.keys()
    assert RetryPolicy.__dataclass_fields__.keys() <= OPTIONS.keys()
    task = app.task(**OPTIONS)(pay)
    assert {name: getattr(task, name) for name in OPTIONS} == OPTIONS
    assert task.policy.max_retries == 5
    assert task.limits == (20.0, 10.0)
    job = task.job([1], {}, {})
    assert (job.queue, job.priority, job.max_attempts, job.expires_in) == ("billing", 7, 6, 60.0)


def test_without_options_they_are_as_in_celery(app):
    task = app.task(pay)
    assert (task.max_retries, task.default_retry_delay) == (3, 180)
    assert (task.time_limit, task.soft_time_limit, task.rate_limit) == (None, None, None)
    assert (task.ignore_result, task.track_started, task.acks_late) == (False, False, None)
    assert (task.typing, task.throws, task.retry_kwargs) == (True, (), {})
    assert (task.serializer, task.bind, task.pydantic) == ("json", False, False)
    assert (task.unique, task.unique_key, task.unique_until) == (None, None, None)
    assert (task.unique_for, task.on_duplicate) == (None, None)


def test_what_the_settings_say_are_the_attributes_where_the_task_says_nothing(app):
    task, own = app.task(pay), app.task(name="own", ignore_result=False, time_limit=5)(pay)
    app.conf.update(
        task_default_queue="shop",
        task_default_priority=4,
        task_time_limit=60,
        task_soft_time_limit=50,
        task_default_rate_limit="5/s",
        task_ignore_result=True,
        task_store_errors_even_if_ignored=True,
        task_track_started=True,
        task_acks_late=True,
    )
    assert (task.queue, task.priority) == ("shop", 4)
    assert (task.time_limit, task.soft_time_limit, task.rate_limit) == (60.0, 50.0, "5/s")
    assert (task.ignore_result, task.store_errors_even_if_ignored) == (True, True)
    assert (task.track_started, task.acks_late) == (True, True)
    assert (own.ignore_result, own.time_limit) == (False, 5)
    assert task.limits == (None, None)  # its own: those of the settings are the worker's default


def test_an_attribute_can_be_set_and_counts_from_then_on(app, monkeypatch):
    task = app.task(pay)
    assert task.job([1], {}, {}).max_attempts == 4
    with monkeypatch.context() as context:
        context.setattr(task, "max_retries", None)
        context.setattr(task, "queue", "slow")
        job = task.job([1], {}, {})
        assert (job.max_attempts, job.queue, task.policy.max_retries) == (FOREVER, "slow", None)
        task.run = lambda *_: "replaced"
        assert task(1) == "replaced"
        del task.run
    assert task.job([1], {}, {}).queue == "default"


def test_what_is_called(app):
    task = app.task(pay)
    bound = app.task(bind=True, name="bound")(lambda self, n: (self, n))
    assert (task(1), task.run(1), task.__wrapped__(1), task.function(1)) == ("1 EUR",) * 4
    assert bound.run(5) == bound.__wrapped__(5) == bound(5) == (bound, 5)
    assert task.app is app
    assert isinstance(task, Task)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_retry": 5}, "max_retry= is not an option of @app.task; did you mean max_retries=?"),
        ({"colour": 5}, "colour= is not an option of @app.task; there are: name, queue, "),
        ({"rate_limit": "10/x"}, "rate_limit='10/x': give so many a second"),
        ({"rate_limit": "often"}, "rate_limit='often': give so many a second"),
        ({"rate_limit": -1}, "rate_limit=-1: give so many a second"),
        ({"serializer": "pickle"}, "serializer='pickle': values are JSON here"),
        ({"ignore_result": "yes"}, "ignore_result='yes': give True or False"),
        ({"retry_kwargs": {"eta": 1}}, "'eta' is none of max_retries and countdown"),
        ({"retry_kwargs": {"max_retries": -1}}, "max_retries=-1: give 0 to"),
        ({"time_limit": 5, "soft_time_limit": 9}, "soft_time_limit=9 is over time_limit=5"),
        ({"throws": "KeyError"}, "throws='KeyError': give a tuple of exception classes"),
        ({"autoretry_for": OSError}, "give a tuple of exception classes"),
        ({"max_retries": -1}, "max_retries=-1: give 0 to"),
        ({"pydantic_context": 1}, "1: pydantic_context and pydantic_dump_kwargs are dicts"),
    ],
)
def test_a_wrong_option_is_refused_before_there_is_a_function(app, options, message):
    with pytest.raises((InvalidOption, ConfigurationError)) as caught:
        app.task(**options)
    assert message in str(caught.value)
    assert not app.tasks


@pytest.mark.parametrize("option", ["exchange", "routing_key", "compression", "send_events"])
def test_what_celery_knows_and_means_nothing_here_is_told_once(app, option):
    with pytest.warns(ConfigurationWarning, match=f"^{option}= of task pay means nothing here: "):
        app.task(name="pay", **{option: "x"})(pay)
    app.task(name="pay", **{option: "x"})(pay)


def test_acks_late_false_is_told_what_holds_instead(app):
    with pytest.warns(ConfigurationWarning, match="acks_late=False of task pay: a job whose"):
        app.task(name="pay", acks_late=False)(pay)


def test_without_typing_arguments_are_not_checked_at_the_call(app):
    assert app.task(typing=False, name="loose")(pay).job([], {"x": 1}, {}).kwargs == '{"x":1}'
    with pytest.raises(InvalidCall):
        app.task(pay).job([], {"x": 1}, {})


# ── annotations ──


@pytest.mark.parametrize(
    "annotations",
    [
        {"pay": {"queue": "own", "max_retries": 9}, "*": {"queue": "all", "rate_limit": "1/s"}},
        [{"*": {"queue": "all", "rate_limit": "1/s"}}, {"pay": {"queue": "own", "max_retries": 9}}],
    ],
)
def test_annotations_change_tasks_by_name_and_all_of_them(app, annotations):
    task, other = app.task(name="pay")(pay), app.task(name="other")(pay)
    app.conf.task_annotations = annotations
    assert task.job([1], {}, {}).max_attempts == 10
    assert (task.queue, task.rate_limit) == ("own", "1/s")
    assert (other.queue, other.max_retries) == ("all", 3)


def test_annotations_may_be_objects_and_hold_handlers(app):
    class Annotate:
        def annotate(self, task):
            return {"queue": task.name}

    def on_failure(self, exc, task_id, args, kwargs, einfo):
        return self, exc

    task = app.task(name="pay")(pay)
    app.conf.task_annotations = [Annotate(), {"*": {"on_failure": on_failure}}]
    assert task.queue == "pay"
    assert task.on_failure("error", "id", (), {}, None) == (task, "error")
    assert type(task).on_failure is on_failure  # where a worker looks


def test_a_unique_argument_that_the_task_does_not_have_is_refused_where_it_is_declared(app):
    with pytest.raises(InvalidOption, match=r"pay: unique=\['amuont'\]: .*; did you mean 'amount'"):
        app.task(name="pay", unique=["amuont"])(pay)
    with pytest.raises(InvalidOption, match="it has no argument 'x'; it has none at all"):
        app.task(unique=["x"])(lambda: None)
    app.task(name="any", unique=["x"])(lambda **_: None)
    app.conf.task_annotations = {"late": {"unique": ["x"]}}
    with pytest.raises(InvalidOption, match=r"late: unique=\['x'\]"):
        app.task(name="late")(pay).job([1], {}, {})
