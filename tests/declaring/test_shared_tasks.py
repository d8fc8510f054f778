"""Tasks that belong to no application, and which application is current."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

import pgqueue
from pgqueue import InvalidOption, PgQueue, Task, UsageError, current_app, shared_task
from pgqueue.app import current_task, get_current_task
from pgqueue.bulk import jobs
from pgqueue.request import Request, current


def test_every_application_gets_it_whenever_it_is_made():
    before = PgQueue("before")
    finalized = PgQueue("finalized")
    assert finalized.tasks == {}

    @shared_task(name="share", queue="shared", max_retries=9)
    def share(number):
        return number

    after = PgQueue("after")
    for app in (before, finalized, after):
        assert app.tasks["share"].app is app
        assert app.get_task("share").queue == "shared"


def test_what_is_returned_is_the_task_of_the_current_application():
    @shared_task(name="share", bind=True)
    def share(self, number):
        return self.app.name, number

    one, two = PgQueue("one"), PgQueue("two")
    assert share(1) == ("two", 1)
    assert share.app is two
    one.set_current()
    assert share.app is one
    assert share == one.tasks["share"]
    assert isinstance(share, Task)
    assert share.s(5)["task"] == share.name == "share"
    (job,) = jobs([(share, [5])], one.conf)
    assert job.task == "share"


def test_its_attributes_can_be_set_through_it(monkeypatch):
    @shared_task(name="share")
    def share(): ...

    app = PgQueue("shop")
    monkeypatch.setattr(share, "max_retries", 0)
    assert app.tasks["share"].max_retries == 0


def test_it_needs_no_application_to_be_declared_or_called():
    @shared_task
    def share(number):
        """Share."""
        return number

    assert (share(5), share.__doc__) == (5, "Share.")
    assert share.name == f"{__name__}.share"
    assert share.app.name == "default"


def test_a_class_can_be_its_base():
    class Base(pgqueue.Task):
        colour = "red"

    task = shared_task(base=Base, name="share", colour="blue")(lambda: None)
    PgQueue("shop")
    assert task.colour == "blue"


def test_a_wrong_option_is_refused_when_an_application_gets_it():
    PgQueue("shop").finalize()
    with pytest.raises(InvalidOption, match="did you mean max_retries="):
        shared_task(max_retry=1)(lambda: None)


def test_twice_is_once_too_often():
    once = shared_task(name="share")(lambda: None)
    PgQueue("shop")
    with pytest.raises(UsageError, match="is a shared task already"):
        shared_task(once)


def test_the_current_application_is_the_last_one_that_wanted_to_be_in_every_thread():
    first, second = PgQueue("first"), PgQueue("second")
    PgQueue("third", set_as_current=False)
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(lambda: current_app.name).result() == "second"
    first.set_current()
    assert current_app == first
    assert current_app != second
    assert isinstance(current_app, PgQueue)
    current_app.conf.task_default_queue = "mine"
    assert first.conf.task_default_queue == "mine"


def test_the_default_application_is_meant_where_none_is_current():
    app = PgQueue("quiet", set_as_current=False)
    app.set_default()
    assert current_app == app
    other = PgQueue("other")
    assert current_app == other


def test_the_current_task_is_the_one_that_runs():
    app = PgQueue("shop")
    task = app.task(name="pay")(lambda: current_task.name)
    assert (get_current_task(), app.current_task) == (None, None)
    assert not current_task
    token = current.set(Request("id", "pay", "default", [], {}, attempt=1, max_retries=3, claim=1))
    try:
        assert get_current_task() is app.current_task is task
        assert task() == "pay"
    finally:
        current.reset(token)


def test_an_application_names_the_tasks_that_are_given_no_name():
    class Shop(PgQueue):
        def gen_task_name(self, name, module):
            return super().gen_task_name(name, module.removeprefix("test_"))

    app = Shop("shop")

    @shared_task
    def share(): ...

    class Pack(Task):
        def run(self): ...

    assert app.task(share.function).name == share.name == "shared_tasks.share"
    assert app.register_task(Pack).name == "shared_tasks.Pack"
    assert app.task(name="own")(share.function).name == "own"
