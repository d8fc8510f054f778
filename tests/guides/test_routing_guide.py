"""The guide "Routing": which queue a job goes to, and in which order a queue is served."""

from __future__ import annotations

import re
import uuid

import pytest

from pgqueue import PgQueue

PROJECT = "orchard"
APP = "orchard.celery"
WORKER = ("--processes", "1", "-c", "1", "-Q", "feeds")
WAIT = 30


@pytest.fixture
def tasks(project, worker):
    return project("orchard.tasks")


@pytest.fixture
def queue_of():
    """Says which queue an application with these settings sends a task to."""

    def queue_of(name, call=None, own=None, **settings):
        app = PgQueue("routed", set_as_current=False)
        app.conf.update(settings)
        task = app.task(name=name, **({"queue": own} if own else {}))(lambda: None)
        return task.job((), {}, call or {}).queue

    return queue_of


FEEDS = {"task_routes": {"feed.tasks.import_feed": {"queue": "feeds"}}}


def test_a_route_by_name(queue_of):
    assert queue_of("feed.tasks.import_feed", **FEEDS) == "feeds"
    assert queue_of("feed.tasks.other", **FEEDS) == "default"


def test_a_route_by_pattern(queue_of):
    routes = {"task_routes": {"feed.tasks.*": {"queue": "feeds"}}}
    assert queue_of("feed.tasks.anything", **routes) == "feeds"
    assert queue_of("web.tasks.anything", **routes) == "default"


def test_routes_in_order_with_globs_and_regular_expressions(queue_of):
    routes = (
        [
            ("feed.tasks.*", {"queue": "feeds"}),
            ("web.tasks.*", {"queue": "web"}),
            (re.compile(r"(video|image)\.tasks\..*"), {"queue": "media"}),
        ],
    )
    names = ("feed.tasks.a", "web.tasks.a", "video.tasks.a", "image.tasks.b", "other.a")
    queues = [queue_of(name, task_routes=routes) for name in names]
    assert queues == ["feeds", "web", "media", "media", "default"]


def test_a_route_by_a_function(queue_of):
    def route(name, args, kwargs, options, task=None, **kw):
        return {"queue": "video", "priority": 5} if name.startswith("video.") else None

    assert queue_of("video.compress", task_routes=(route,)) == "video"
    assert queue_of("audio.compress", task_routes=(route,)) == "default"


def test_the_default_queue_has_a_name_of_ones_choice(queue_of):
    assert queue_of("any.task", task_default_queue="shop") == "shop"


def test_the_call_comes_before_the_task_and_the_task_before_the_route(queue_of):
    name = "feed.tasks.import_feed"
    assert queue_of(name, {"queue": "now"}, "own", **FEEDS) == "now"
    assert queue_of(name, None, "own", **FEEDS) == "own"
    assert queue_of(name, **FEEDS) == "feeds"


def test_a_worker_serves_only_its_queues(tasks):
    there = tasks.pour.apply_async((1, 1), queue="feeds")
    elsewhere = tasks.pour.apply_async((1, 1), queue="web")
    assert there.get(timeout=WAIT) == 2
    assert elsewhere.state == "PENDING"


def test_a_higher_number_is_served_first(tasks, lock, until, journal):
    """As with RabbitMQ, and strictly: with Redis it is the other way round."""
    held = lock(9501)
    busy = tasks.hold.apply_async((0, held.key), queue="feeds")
    until(lambda: busy.state == "STARTED")
    key = str(uuid.uuid4())
    with tasks.app.transaction():  # so that one claim sees all of them
        for number in (0, 9, 5):
            tasks.note.apply_async((number, key), queue="feeds", priority=number)
    held.free()
    assert until(lambda: len(journal(key)) == 3)
    assert journal(key) == ["9", "5", "0"]


def test_a_default_priority_for_all(queue_of):
    app = PgQueue("routed", set_as_current=False)
    app.conf.task_default_priority = 5
    assert app.task(name="any")(lambda: None).job((), {}, {}).priority == 5
