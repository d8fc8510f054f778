"""Limited jobs are enqueued like any others, by every way in, and wait for nobody."""

from __future__ import annotations

import pytest

from pgqueue import chain, group, operations


@pytest.fixture
def send(app):
    @app.task(name="send", max_concurrency=1, concurrency_key="customer")
    def send(customer, month=""):
        raise NotImplementedError

    return send


@pytest.fixture
def keys(connection):
    """How many jobs are parked under which key."""
    rows = "select limit_key, count(*) from pgqueue.jobs where run_at = 'infinity' group by 1"
    return lambda: dict(connection.execute(rows).fetchall())


def test_a_job_is_parked_by_the_callers_commit_and_nobody_waits(send, connect, connection, keys):
    one, two = (connect(autocommit=False, options="-c lock_timeout=1ms") for _ in range(2))
    send.using(one).delay("a")
    send.using(two).delay(customer="a")
    assert keys() == {}
    one.commit()
    two.rollback()
    assert keys() == {"send:a": 1}
    assert connection.execute("select limit_key from pgqueue.arrivals").fetchall() == [("send:a",)]


@pytest.mark.parametrize("count", [20, 250])
def test_many_at_once_with_and_without_limits(app, note, send, connection, keys, count):
    calls = [(send, ["ab"[n % 2]]) if n % 5 else (note, [n]) for n in range(count)]
    assert len(app.enqueue_many(calls)) == count
    limited = keys()
    assert limited.keys() == {"send:a", "send:b"}
    assert sum(limited.values()) == count - count // 5
    arrived = connection.execute("select distinct limit_key from pgqueue.arrivals").fetchall()
    assert {key for (key,) in arrived} == limited.keys()


def test_a_call_says_its_key_and_its_time(send, connection, keys):
    send.using(limit_key="vip", countdown=60).delay("a")
    assert keys() == {"send:vip": 1}
    late = "select due_at > pgqueue.now() + interval '50 s' from pgqueue.jobs"
    assert connection.execute(late).fetchone() == (True,)


def test_what_a_canvas_enqueues_is_parked_by_a_worker(send, jobs, worker, keys):
    allowance = send.plan.allowance
    chain(group(send.si("a"), send.si("b")), send.si("c")).apply_async()
    assert jobs.run(operations.park(["default"], {"send": allowance})) == 2
    assert keys()["send:a"] == 1
