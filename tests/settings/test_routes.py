"""Where a call goes: its own queue, then the task's, then the routes', then the default."""

from __future__ import annotations

import re

import pytest

from pgqueue import ConfigurationError
from pgqueue.bulk import jobs


class Routers:
    def route_for_task(self, task, args=None, kwargs=None):
        return "old" if (task, args, kwargs) == ("mail.send", [1], {}) else None


def by_argument(name, args, kwargs, options, task=None, **kw):
    return {"queue": f"shard{args[0] % 2}"} if name == "mail.send" else None


@pytest.fixture
def send(app):
    @app.task(name="mail.send")
    def send(number): ...

    return send


@pytest.mark.parametrize(
    ("routes", "queue"),
    [
        ({"mail.send": "mail"}, "mail"),
        ({"mail.send": {"queue": "mail"}}, "mail"),
        ({"mail.*": {"queue": "mail", "exchange": "x", "routing_key": "mail.x"}}, "mail"),
        ({"mail.send": {"routing_key": "mail"}}, "mail"),
        ({"mail.send": {"queue": type("Queue", (), {"name": "mail"})()}}, "mail"),
        ({re.compile(r"(mail|post)\.\w+"): "mail"}, "mail"),
        ({"*": "all", "mail.send": "mail"}, "mail"),
        ({"mail.*": "mail", "*": "all"}, "mail"),
        ({"shop.*": "shop"}, "default"),
        ([[("mail.*", "mail"), ("*", "all")]], "mail"),
        ([{"shop.*": "shop"}, {"mail.*": "mail"}], "mail"),
        (by_argument, "shard1"),
        ([{"shop.*": "shop"}, by_argument], "shard1"),
        ([{"mail.*": "mail"}, by_argument], "mail"),
        (Routers(), "old"),
        ("shop_routes.route", "imported"),
        (("shop_routes.Routers",), "imported"),
        (None, "default"),
    ],
)
def test_forms_of_routes(app, send, write, routes, queue):
    write(
        "shop_routes.py",
        """
        def route(name, args, kwargs, options, task=None, **kw):
            return {"queue": "imported"}

        class Routers:
            def route_for_task(self, task, args, kwargs):
                return {"queue": "imported"}
        """,
    )
    app.conf.task_routes = routes
    assert send.job([1], {}, {}).queue == queue
    assert app.conf.routed("mail.send", [1], {}, {})["queue"] == queue
    (job,) = jobs([("mail.send", [1])], app.conf)
    assert job.queue == queue


@pytest.mark.parametrize("routes", [{"mail.*": "route"}, lambda *_, **__: {"queue": "route"}])
def test_the_call_then_the_task_then_the_route_then_the_default(app, send, routes):
    """As Celery 5.7 has it: a queue in the decorator is stronger than a route."""
    own = app.task(name="mail.own", queue="own")(lambda _: None)
    app.conf.update(task_default_queue="shop", task_routes=routes)
    other = app.task(name="other")(lambda _: None)
    assert own.job([1], {}, {"queue": "call"}).queue == "call"
    assert own.job([1], {}, {}).queue == "own"
    assert send.job([1], {}, {}).queue == "route"
    assert send.job([1], {}, {"queue": None, "countdown": 1}).queue == "route"
    assert other.job([1], {}, {}).queue == ("shop" if isinstance(routes, dict) else "route")
    assert app.conf.routed("x", [], {}, {"queue": "call"})["queue"] == "call"


def test_a_route_may_set_other_options(app, send):
    app.conf.task_routes = {"mail.*": {"queue": "mail", "priority": 7, "expires": 60}}
    job = send.job([1], {}, {})
    assert (job.queue, job.priority, job.expires_in) == ("mail", 7, 60.0)
    job = send.job([1], {}, {"priority": 1})
    assert (job.priority, job.expires_in) == (1, 60.0)


def test_a_change_of_the_settings_counts_at_the_next_call(app, send):
    assert send.job([1], {}, {}).queue == "default"
    app.conf.task_default_queue = "shop"
    app.conf.task_default_priority = 5
    assert send.job([1], {}, {})[4:6] == ("shop", 5)
    app.conf.task_routes = {"mail.*": "mail"}
    assert send.job([1], {}, {}).queue == "mail"


@pytest.mark.parametrize(
    ("routes", "message"),
    [
        (7, "give a dict, a function, or a list of them"),
        ({"mail.send": 7}, "give a queue's name, or a dict with 'queue'"),
        ({7: "mail"}, "give the name of a task"),
        ("nowhere.route", "cannot be imported"),
        ([("a", "b", "c")], "give pairs"),
    ],
)
def test_routes_that_cannot_be_are_refused(app, send, routes, message):
    app.conf.task_routes = routes
    with pytest.raises(ConfigurationError, match=message):
        send.job([1], {}, {})
