"""Limits of a task: what may be said, what follows for its jobs, what is refused at once."""

from __future__ import annotations

import pytest

from pgqueue.allowance import Allowance
from pgqueue.errors import InvalidOption


def send(customer, month="May"):
    return customer, month


@pytest.mark.parametrize(
    ("options", "allowance"),
    [
        ({}, None),
        ({"rate_limit": 0}, None),
        ({"rate_limit": "10/m"}, Allowance(rate_limit="10/m")),
        ({"rate_limit": 2.5, "rate_burst": 3}, Allowance(rate_limit="2.5", rate_burst=3)),
        ({"max_concurrency": 3}, Allowance(max_concurrency=3)),
        (
            {"max_concurrency": 1, "concurrency_key": "month"},
            Allowance(max_concurrency=1, key_name="month", key_place=1),
        ),
        (
            {"rate_limit": "1/s", "rate_key": "customer", "concurrency_key": "customer"},
            Allowance(rate_limit="1/s", key_name="customer", key_place=0),
        ),
        ({"fair": True, "concurrency_key": "customer"}, Allowance(None, None, 1, "customer", 0)),
    ],
)
def test_options_are_the_allowance_of_every_job(app, options, allowance):
    task = app.task(name="send", **options)(send)
    assert task.job([1], {}, {}).allowance == allowance
    assert task.job([1], {}, {"priority": 5}).allowance == allowance


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"max_concurrency": 0}, "max_concurrency=0: give how many jobs, 1 to 100,000"),
        ({"rate_burst": True}, "rate_burst=True"),
        ({"rate_limit": "often"}, "rate_limit='often'"),
        ({"concurrency_key": "a b"}, "give the name of one of the task's arguments"),
        ({"concurrency_key": "tenant"}, "it has no argument 'tenant'"),
        (
            {"concurrency_key": "customer"},
            "and it has none; give max_concurrency= or fair=True, too",
        ),
        ({"fair": True}, "fair=True shares slots between keys; give concurrency_key="),
        (
            {"rate_key": "month", "concurrency_key": "customer"},
            "concurrency_key='customer' and rate_key='month': a task's limits count under one key",
        ),
    ],
)
def test_what_cannot_be_held_is_refused_when_it_is_declared(app, options, said):
    with pytest.raises(InvalidOption, match=said):
        app.task(name="send", **options)(send)


def test_no_key_of_a_task_is_one_of_a_queue(app):
    task = app.task(name=":mail", max_concurrency=1)(send)
    with pytest.raises(InvalidOption, match="task ':mail': it has limits, and the keys of queues"):
        task.job([1], {}, {})


def test_rates_can_be_set_for_all_tasks_and_turned_off(app):
    task = app.task(name="send")(send)
    app.conf.task_default_rate_limit = "10/m"
    assert task.job([1], {}, {}).allowance == Allowance(rate_limit="10/m")
    app.conf.worker_disable_rate_limits = True
    assert task.job([1], {}, {}).allowance is None


def test_a_call_may_say_the_key(app):
    task = app.task(name="send", max_concurrency=1)(send)
    assert task.job([1], {}, {"limit_key": "vip"}).headers == '{"pgqueue":{"limit_key":"vip"}}'


def test_in_place_there_are_no_limits(app):
    task = app.task(name="send", rate_limit="1/h", max_concurrency=1)(send)
    assert [task.apply([n]).get() for n in range(3)] == [[n, "May"] for n in range(3)]
