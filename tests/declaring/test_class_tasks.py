"""Classes of tasks: as a base, registered by themselves, and as the class of all of an app's."""

from __future__ import annotations

import asyncio

import pytest

import pgqueue
from pgqueue import ConfigurationError, InvalidCall, InvalidOption, PgQueue


class Charging(pgqueue.Task):
    queue = "billing"
    max_retries = 7
    once = False
    made = 0

    def __init__(self):
        type(self).made += 1
        self.log = [self.name, self.app.name]

    def __call__(self, *args, **kwargs):
        self.log.append(args)
        return super().__call__(*args, **kwargs)


class Mailing(pgqueue.Task):
    """Mails."""

    max_retries = 2

    def run(self, to, *, subject="hello"):
        return f"{self.name}: {subject}, {to}"


def test_options_of_the_class_hold_unless_the_decorator_says_otherwise(app):
    @app.task(base=Charging, name="charge", max_retries=1)
    def charge(amount):
        return amount

    job = charge.job([1], {}, {})
    assert (job.queue, job.max_attempts) == ("billing", 2)
    assert isinstance(charge, Charging)
    assert (Charging.max_retries, charge.max_retries) == (7, 1)


def test_the_object_is_made_once_knows_its_name_and_app_and_may_wrap_the_call(app):
    @app.task(base=Charging, name="charge", bind=True)
    def charge(self, amount):
        return self.once, amount

    assert charge(5) == (False, 5)
    assert charge.log == ["charge", "shop", (5,)]
    assert type(charge).made == Charging.made + 1
    assert charge is app.tasks["charge"]


def test_attributes_of_its_own_can_be_given_by_the_decorator_if_the_class_has_them(app):
    task = app.task(base=Charging, name="charge", once=True)(lambda: None)
    assert (task.once, Charging.once) == (True, False)
    with pytest.raises(InvalidOption, match="give Charging one of that name"):
        app.task(base=Charging, twice=True)


def test_an_async_function_keeps_its_nature(app):
    @app.task(base=Charging, name="charge")
    async def charge(amount):
        return amount

    assert charge.is_async
    assert isinstance(charge, Charging)
    assert asyncio.run(charge(5)) == 5


@pytest.mark.parametrize("made", [False, True])
def test_a_class_with_run_is_registered(app, made):
    task = app.register_task(Mailing() if made else Mailing)
    assert task.name == f"{__name__}.Mailing"
    assert app.tasks[task.name] is task
    assert task("ann") == task.run("ann") == f"{task.name}: hello, ann"
    assert task.job(["ann"], {"subject": "x"}, {}).max_attempts == 3
    with pytest.raises(InvalidCall, match=r"Mailing\(to, \*, subject='hello'\): missing"):
        task.job([], {}, {})


def test_its_name_is_given_or_an_attribute(app):
    class Named(Mailing):
        name = "mail"

    assert app.register_task(Named()).name == "mail"
    assert app.register_task(Named(), name="other").name == "other"


def test_an_async_run(app):
    class Fetch(pgqueue.Task):
        name = "fetch"

        async def run(self, url):
            return url

    task = app.register_task(Fetch())
    assert task.is_async
    assert asyncio.run(task("u")) == "u"


def test_without_run_it_is_refused(app):
    class Empty(pgqueue.Task):
        pass

    with pytest.raises(ConfigurationError, match="Empty: give it a method run"):
        app.register_task(Empty())


def test_a_wrong_option_of_a_class_is_refused(app):
    class Wrong(Mailing):
        rate_limit = "often"

    with pytest.raises(InvalidOption, match="Wrong: rate_limit='often': give so many"):
        app.register_task(Wrong)
    with pytest.raises(InvalidOption, match="Wrong: rate_limit='often': give so many"):
        app.task(base=Wrong)(lambda: None)


def test_two_of_one_name_are_refused(app):
    app.task(name="mail")(lambda: None)
    with pytest.raises(ConfigurationError, match="two tasks are named 'mail'"):
        app.register_task(Mailing(), name="mail")


@pytest.mark.parametrize("task_cls", [Charging, f"{__name__}:Charging", f"{__name__}.Charging"])
def test_all_tasks_of_an_application_can_be_of_a_class(task_cls):
    app = PgQueue("shop", task_cls=task_cls)
    task = app.task(name="charge")(lambda: 1)
    assert "Charging" in [kind.__name__ for kind in type(task).__mro__]
    assert task.queue == "billing"


def test_the_class_can_be_replaced_by_one_that_is_made_of_it(app):
    """As applications do that run each task in a context of their web framework."""
    base = app.Task

    class ContextTask(base):
        abstract = True

        def __call__(self, *args, **kwargs):
            return "in context", super().__call__(*args, **kwargs)

    app.Task = ContextTask
    assert app.task(name="a")(lambda n: n)(1) == ("in context", 1)


def test_handlers_are_there_to_be_called_and_do_nothing(app):
    task = app.task(name="a")(lambda: None)
    assert task.before_start("id", (), {}) is None
    assert task.on_success(1, "id", (), {}) is None
    assert task.on_retry(OSError(), "id", (), {}, None) is None
    assert task.on_failure(OSError(), "id", (), {}, None) is None
    assert task.after_return("SUCCESS", 1, "id", (), {}, None) is None
