"""Whoever enqueues can be heard, and its headers changed, whatever way it takes."""

# Receivers are given more than they look at.
# ruff: noqa: ARG005

from __future__ import annotations

import asyncio

import pytest

from pgqueue import InvalidPayload
from pgqueue.errors import InvalidOption

BOTH = ("before_task_publish", "after_task_publish")


@pytest.fixture
def add(app):
    @app.task(name="add", queue="sums", priority=3)
    def add(a, b=0): ...

    return add


WAYS = {
    "delay": lambda app, add: add.delay(1, b=2),
    "apply_async": lambda app, add: add.apply_async((1,), {"b": 2}),
    "using": lambda app, add: add.using(headers={}).delay(1, b=2),
    "signature": lambda app, add: add.s(1, b=2).delay(),
    "send_task": lambda app, add: app.send_task("add", (1,), {"b": 2}, queue="sums", priority=3),
    "enqueue_many": lambda app, add: app.enqueue_many([(add, (1,), {"b": 2})])[0],
}
ASYNC_WAYS = {
    "adelay": lambda app, add: add.adelay(1, b=2),
    "aapply_async": lambda app, add: add.aapply_async((1,), {"b": 2}),
    "signature": lambda app, add: add.s(1, b=2).adelay(),
    "asend_task": lambda app, add: app.asend_task("add", (1,), {"b": 2}, queue="sums", priority=3),
}


@pytest.fixture(params=[*WAYS, *(f"async {name}" for name in ASYNC_WAYS), "async many"])
def enqueue(request, app, add):
    """Enqueues add(1, b=2) in one of the ways."""
    kind, _, name = request.param.rpartition(" ")

    async def main():
        try:
            if name == "many":
                return (await app.aenqueue_many([(add, (1,), {"b": 2})]))[0]
            return await ASYNC_WAYS[name](app, add)
        finally:
            await app.aclose()

    return (lambda: asyncio.run(main())) if kind else (lambda: WAYS[name](app, add))


def stored(connection):
    return connection.execute("select id::text, headers from pgqueue.jobs order by id").fetchall()


def test_every_way_says_exactly_what_is_documented(enqueue, heard, every, connection):
    heard(*BOTH)
    job = enqueue()
    assert heard.names == list(BOTH)
    for name, named in heard:
        assert set(named) == {"sender", *every[name].arguments}
        assert named["sender"] == "add"
        assert named["body"][:2] == ((1,), {"b": 2})
        assert (named["exchange"], named["routing_key"]) == ("", "sums")
        assert (named["headers"]["task"], named["headers"]["id"]) == ("add", str(job.id))
    properties = heard.said("before_task_publish")["properties"]
    assert (properties["correlation_id"], properties["priority"]) == (str(job.id), 3)
    assert stored(connection) == [(str(job.id), None)]


def test_a_header_that_a_receiver_adds_is_stored_and_seen_afterwards(
    enqueue, heard, every, connection
):
    @every["before_task_publish"].connect
    def trace(headers, **kwargs):
        headers["traceparent"] = "00-1"

    heard("after_task_publish")
    job = enqueue()
    assert stored(connection) == [(str(job.id), {"traceparent": "00-1"})]
    assert heard.said("after_task_publish")["headers"]["traceparent"] == "00-1"


def test_headers_of_the_call_are_seen_changed_and_taken_away(app, add, every, connection):
    @every["before_task_publish"].connect
    def change(headers, **kwargs):
        headers["kept"] += 1
        del headers["gone"]

    add.using(headers={"kept": 1, "gone": 1, "task": "mine"}, time_limit=9).delay(1)
    ((_, headers),) = stored(connection)
    assert headers == {"kept": 2, "task": "mine", "pgqueue": {"time_limit": 9.0}}


def test_what_pgqueue_says_of_the_job_is_not_stored_nor_can_it_be_changed(
    app, add, every, connection
):
    @every["before_task_publish"].connect
    def change(headers, body, properties, **kwargs):
        headers["id"] = headers["task"] = "other"
        del headers["root_id"]
        properties.clear()

    job = add.delay(1)
    assert stored(connection) == [(str(job.id), None)]


@pytest.mark.parametrize(
    ("key", "value", "error"),
    [("trace", object(), InvalidPayload), ("pgqueue", {"alone": True}, InvalidOption)],
)
def test_what_cannot_be_a_header_is_refused_and_nothing_sent(
    app, add, every, connection, key, value, error
):
    @every["before_task_publish"].connect
    def change(headers, **kwargs):
        headers[key] = value

    with pytest.raises(error, match=key):
        add.delay(1)
    assert stored(connection) == []


def test_receivers_that_raise_keep_no_job_away(enqueue, every, connection, caplog):
    def fail(**kwargs):
        raise ValueError("no")

    for name in BOTH:
        every[name].connect(fail)
    enqueue()
    assert len(stored(connection)) == 1
    assert len(caplog.records) == 2


def test_coroutines_hear_of_it_on_the_callers_loop(app, add, every, connection):
    loops = []

    @every["before_task_publish"].connect
    async def before(headers, **kwargs):
        await asyncio.sleep(0)
        headers["loop"] = "yes"
        loops.append(asyncio.get_running_loop())

    @every["after_task_publish"].connect
    async def after(**kwargs):
        loops.append(asyncio.get_running_loop())

    async def main():
        await add.adelay(1)
        await app.asend_task("add", (1,))
        await app.aclose()
        assert loops == [asyncio.get_running_loop()] * 4

    asyncio.run(main())
    assert [headers for _, headers in stored(connection)] == [{"loop": "yes"}] * 2


def test_a_receiver_can_be_for_one_task(app, add, heard):
    heard(*BOTH, sender="add")
    add.delay(1)
    app.send_task("other")
    assert heard.names == list(BOTH)


def test_what_is_said_afterwards_is_true_in_the_same_transaction(app, add, every):
    there = []

    @every["after_task_publish"].connect
    def look(headers, **kwargs):
        found = conn.execute("select count(*) from pgqueue.jobs where id = %s", [headers["id"]])
        there.append(found.fetchone()[0])

    with app.transaction() as conn:
        add.delay(1)
        app.enqueue_many([add.s(1), add.s(2)])
    assert there == [1, 1, 1]


@pytest.mark.parametrize("count", [3, 250])
def test_each_of_many_is_said_once_and_can_be_changed(app, add, heard, every, connection, count):
    @every["before_task_publish"].connect
    def number(headers, body, **kwargs):
        headers["number"] = body[0][0]

    heard(*BOTH)
    jobs = app.enqueue_many(add.s(number) for number in range(count))
    for name in BOTH:
        ids = [named["headers"]["id"] for each, named in heard if each == name]
        assert ids == [str(job.id) for job in jobs]
    assert [headers["number"] for _, headers in stored(connection)] == list(range(count))


def test_a_call_that_is_bad_among_many_is_named_by_its_number(app, add, every):
    @every["before_task_publish"].connect
    def change(headers, body, **kwargs):
        if body[0] == (1,):
            headers["trace"] = object()

    with pytest.raises(InvalidPayload, match=r"item 1: .*trace"):
        app.enqueue_many([add.s(0), add.s(1)])


def test_without_receivers_nothing_is_made(app, add, monkeypatch, connection):
    def never(*args):
        raise AssertionError("somebody listens")

    monkeypatch.setattr("pgqueue.publishing._message", never)
    for enqueue in WAYS.values():
        enqueue(app, add)
    assert len(stored(connection)) == len(WAYS)
