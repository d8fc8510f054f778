"""A canvas under several hands at once: released once, ended once, and nobody waits for ever."""

from __future__ import annotations

import json
import random
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from pgqueue import operations
from pgqueue.identifiers import uuid7
from pgqueue.rows import Edge, Finished, NewJob, Released
from support.canvases import Canvas, edges
from support.jobs import Jobs


@pytest.fixture
def both(jobs, other):
    """Two workers' connections, planned as workers' are."""
    jobs.plan_as_worker()
    other.plan_as_worker()
    return jobs, other


def at_once(*acts):
    """Run acts at the same moment, each in a thread; return what they returned."""
    together = Barrier(len(acts))

    def act(each):
        together.wait(10)
        return each()

    with ThreadPoolExecutor(len(acts)) as threads:
        return [f.result(timeout=60) for f in [threads.submit(act, each) for each in acts]]


def finished(batch, state="succeeded", **outcome):
    return operations.finish([Finished(job.id, job.claim, state, **outcome) for job in batch])


def chords(jobs, count, width=2, **options):
    """Enqueue chords; return their headers and bodies."""
    headers = [[uuid7() for _ in range(width)] for _ in range(count)]
    bodies = [uuid7() for _ in range(count)]
    members = [NewJob(i, "add", "[]", "{}", linked=True) for header in headers for i in header]
    waiting = [
        NewJob(i, "add", "[]", "{}", "bodies", open_parents=width, **options) for i in bodies
    ]
    ties = [
        Edge(parent, body, "call", place)
        for header, body in zip(headers, bodies, strict=True)
        for place, parent in enumerate(header)
    ]
    jobs.run(operations.enqueue_canvas([*members, *waiting], ties))
    return headers, bodies


def claimed(jobs, worker, limit):
    return {job.id: job for job in jobs.claim(worker, limit=limit)}


def test_three_hundred_chords_whose_last_two_members_end_at_once_are_each_released_once(
    both, worker
):
    one, two = both
    headers, bodies = chords(one, 300)
    held = claimed(one, worker, 600)
    sides = list(zip(*headers, strict=True))

    def end(jobs, side):
        for start in range(0, 300, 10):
            batch = [held[str(i)] for i in side[start : start + 10]]
            assert len(jobs.run(finished(batch, result=f'"{batch[0].id}"'))) == 10

    at_once(lambda: end(one, sides[0]), lambda: end(two, random.sample(sides[1], 300)))
    rows = one.connection.execute(
        "select id, state::text, open_parents, args from pgqueue.jobs_live"
    ).fetchall()
    assert sorted(row[0] for row in rows) == sorted(bodies)
    assert {row[1:3] for row in rows} == {("queued", 0)}
    assert {len(args[0]) for *_, args in rows} == {2}
    assert edges(one) == []
    assert len(one.claim(worker, queues=["bodies"], limit=1000)) == 300
    assert one.claim(worker, queues=["bodies"]) == []


def test_who_ends_the_last_but_one_is_waited_for(jobs, other, worker, step):
    canvas = Canvas().chord(["a", "b"], "body").send(jobs)
    held = claimed(jobs, worker, 2)
    with jobs.transaction():
        jobs.finish(held[canvas["a"]], result="1")
        last = step(other, lambda: other.finish(held[canvas["b"]], result="2")).blocked()
    assert last.result() == {canvas["b"]}
    assert (jobs.state(canvas["body"]), jobs.get(canvas["body"]).args) == ("queued", "[[1, 2]]")


def test_what_is_rolled_back_counts_for_nothing(jobs, other, worker, step):
    canvas = Canvas().chord(["a", "b"], "body").send(jobs)
    held = claimed(jobs, worker, 2)
    jobs.connection.execute("begin")
    jobs.finish(held[canvas["a"]], result="1")
    last = step(other, lambda: other.finish(held[canvas["b"]], result="2")).blocked()
    jobs.connection.execute("rollback")
    assert last.result() == {canvas["b"]}
    assert jobs.state(canvas["body"]) == "waiting"
    jobs.finish(held[canvas["a"]], result="1")
    assert jobs.get(canvas["body"]).args == "[[1, 2]]"


@pytest.mark.parametrize("first", ["succeeded", "failed"])
def test_one_succeeds_while_the_other_fails(jobs, other, worker, step, first):
    canvas = Canvas().chord(["a", "b"], "body").error("body", "oops").send(jobs)
    held = claimed(jobs, worker, 2)
    ends = {
        "succeeded": lambda j: j.finish(held[canvas["a"]], result="1"),
        "failed": lambda j: j.finish(held[canvas["b"]], state="failed", error="E: no"),
    }
    second = "failed" if first == "succeeded" else "succeeded"
    with jobs.transaction():
        ends[first](jobs)
        later = step(other, lambda: ends[second](other)).blocked()
    later.result()
    assert jobs.state(canvas["body"]) == "failed"
    assert jobs.state(canvas["oops"]) == "queued"
    assert edges(jobs) == []


@pytest.mark.parametrize("first", ["cancel", "finish"])
def test_the_body_is_cancelled_while_its_last_member_ends(jobs, other, worker, step, first):
    canvas = Canvas().chord(["a"], "body").chain("body", "after").send(jobs)
    held = claimed(jobs, worker, 1)
    ends = {
        "cancel": lambda j: j.run(operations.cancel([canvas["body"]])),
        "finish": lambda j: j.finish(held[canvas["a"]], result="1"),
    }
    second = "finish" if first == "cancel" else "cancel"
    with jobs.transaction():
        ends[first](jobs)
        later = step(other, lambda: ends[second](other)).blocked()
    later.result()
    assert [jobs.state(canvas[name]) for name in ("body", "after")] == ["cancelled"] * 2
    assert edges(jobs) == []


def test_a_rescue_fails_one_member_while_another_ends(jobs, other, worker, step):
    canvas = Canvas().chord(["a", "b"], "body").send(jobs)
    held = claimed(jobs, worker, 2)
    lost = held[canvas["a"]]
    with jobs.transaction():
        jobs.finish(held[canvas["b"]], result="1")
        crash = operations.crash([Released(lost.id, lost.claim)], "WorkerLost: x", 1)
        rescue = step(other, lambda: other.run(crash)).blocked()
    assert rescue.result() == {lost.id: "failed"}
    said = f"ChordError: Dependency {lost.id} raised WorkerLost: x"
    assert jobs.get(canvas["body"]).error == said


def test_two_failures_at_once_make_one_errback(jobs, other, worker, step):
    canvas = Canvas().error("a", "oops").error("b", "oops").send(jobs)
    held = claimed(jobs, worker, 2)
    with jobs.transaction():
        jobs.finish(held[canvas["a"]], state="failed", error="E: 1")
        second = step(
            other, lambda: other.finish(held[canvas["b"]], state="failed", error="E: 2")
        ).blocked()
    second.result()
    (job,) = jobs.claim(worker)
    assert (job.id, json.loads(job.args)[0]["error"]) == (canvas["oops"], "E: 1")
    assert edges(jobs) == []


def test_an_errback_that_ended_meanwhile_is_not_made_again(jobs, other, worker, step):
    canvas = Canvas().error("a", "oops").error("b", "oops").send(jobs)
    held = claimed(jobs, worker, 2)
    jobs.finish(held[canvas["a"]], state="failed", error="E: 1")
    (errback,) = jobs.claim(worker)
    with jobs.transaction():
        jobs.finish(errback)
        # It is live to this statement's snapshot, and gone when the insert comes to its turn.
        second = step(
            other, lambda: other.finish(held[canvas["b"]], state="failed", error="E: 2")
        ).blocked()
    second.result()
    assert jobs.state(canvas["oops"]) == "succeeded"
    assert jobs.value("select count(*) from pgqueue.jobs where id = %s", canvas["oops"]) == 1


# ── locks ──


def test_opposite_batches_never_deadlock(both, worker):
    one, two = both
    for _ in range(200):
        headers, _ = chords(one, 6)
        held = claimed(one, worker, 12)
        first, second = ([held[str(i)] for i in side] for side in zip(*headers, strict=True))
        states = random.choice(["succeeded", "failed", "cancelled"])
        at_once(
            lambda batch=first: one.run(finished(batch)),
            lambda batch=second, state=states: two.run(finished(batch[::-1], state, error="E: x")),
        )
    waiting = "select count(*) from pgqueue.jobs_live where state = 'waiting'"
    assert (one.value(waiting), edges(one)) == (0, [])


def crossed(jobs):
    """Two chords with a member of two steps: who ends one's last step ends the other's first."""
    canvas = Canvas()
    for n in (1, 2):
        canvas.chain(f"first{n}", f"second{n}").chord([f"second{n}", f"other{n}"], f"body{n}")
    return canvas.send(jobs)


def test_failures_that_go_down_in_opposite_directions_never_deadlock(both, worker):
    one, two = both
    for _ in range(100):
        canvas = crossed(one)
        held = claimed(one, worker, 4)
        ours = [held[canvas[name]] for name in ("other1", "first2")]
        theirs = [held[canvas[name]] for name in ("other2", "first1")]
        at_once(
            lambda batch=ours: one.run(finished(batch, "failed", error="E: 1")),
            lambda batch=theirs: two.run(finished(batch, "failed", error="E: 2")),
        )
    assert one.value("select count(*) from pgqueue.jobs_live") == 0
    assert edges(one) == []


def test_cancelling_all_of_a_canvas_while_it_ends_never_deadlocks(both, worker):
    one, two = both
    for _ in range(100):
        canvas = crossed(one)
        held = claimed(one, worker, 4)
        batch = random.sample([*held.values()], 4)
        ids = random.sample([canvas[name] for name in canvas.options], len(canvas.options))
        at_once(
            lambda batch=batch: one.run(finished(batch)),
            lambda ids=ids: two.run(operations.cancel(ids)),
        )
        while left := one.claim(worker):
            one.finish(*left)
    assert one.value("select count(*) from pgqueue.jobs_live") == 0
    assert edges(one) == []


def test_who_waits_is_locked_in_order_of_id(jobs, other, worker, step, connect):
    """However far down: a lock on one in the middle leaves those behind it free."""
    canvas = Canvas()
    ids = sorted(uuid7() for _ in range(12))
    names = [f"j{n}" for n in range(12)]
    canvas.ids = dict(zip(names, ids, strict=True))
    shuffled = random.sample(names, 12)
    canvas.chain("head", *shuffled).send(jobs)
    held = claimed(jobs, worker, 1)
    free = Jobs(connect())
    look = "select id from pgqueue.jobs_live where state = 'waiting' for update skip locked"
    with jobs.transaction():
        jobs.value("select 1 from pgqueue.jobs_live where id = %s for update", ids[6])
        fail = step(
            other, lambda: other.finish(held[canvas["head"]], state="failed", error="E: x")
        ).blocked()
        found = sorted(row[0] for row in free.connection.execute(look))
        assert found == ids[7:]
    fail.result()
    assert jobs.value("select count(*) from pgqueue.jobs_live") == 0


def test_cancelling_locks_who_runs_before_who_waits(jobs, other, worker, step, connect):
    """As a worker does: it has its batch locked when it comes to those who wait for that."""
    canvas = Canvas()
    canvas.ids = dict(zip(("waits", "runs"), sorted(uuid7() for _ in range(2)), strict=True))
    canvas.chain("runs", "waits").send(jobs)
    (held,) = jobs.claim(worker)
    free = connect()
    look = "select id::text from pgqueue.jobs_live for update skip locked"
    with jobs.transaction():
        jobs.value("select 1 from pgqueue.jobs_live where id = %s for update", held.id)
        ids = [canvas["waits"], canvas["runs"]]
        cancelled = step(other, lambda: other.run(operations.cancel(ids))).blocked()
        assert free.execute(look).fetchall() == [(canvas["waits"],)]
    assert cancelled.result() == {canvas["waits"]: "cancelled", canvas["runs"]: "running"}


def first_and_last(*names):
    """Return a canvas whose jobs of these names have ids in this order."""
    canvas = Canvas()
    canvas.ids = dict(zip(names, sorted(uuid7() for _ in names), strict=True))
    return canvas


def test_cancelling_locks_all_who_wait_in_one_order(jobs, other, step, connect):
    canvas = first_and_last("after", "middle").chain("head", "middle", "after").send(jobs)
    with jobs.transaction():
        jobs.value("select 1 from pgqueue.jobs_live where id = %s for update", canvas["after"])
        ids = [canvas["middle"]]
        cancelled = step(other, lambda: other.run(operations.cancel(ids))).blocked()
        free = "select 1 from pgqueue.jobs_live where id = %s for update skip locked"
        assert connect().execute(free, ids).fetchall() == [(1,)]
    assert cancelled.result() == {canvas["middle"]: "cancelled"}


def test_who_becomes_something_is_locked_in_one_order_with_who_waits_for_it(
    jobs, other, worker, step, connect
):
    canvas = first_and_last("after", "join").become("a", "join").chain("join", "after").send(jobs)
    (held,) = jobs.claim(worker)
    with jobs.transaction():
        jobs.value("select 1 from pgqueue.jobs_live where id = %s for update", canvas["after"])
        end = step(other, lambda: other.finish(held)).blocked()
        free = "select 1 from pgqueue.jobs_live where id = %s for update skip locked"
        assert connect().execute(free, [canvas["join"]]).fetchall() == [(1,)]
    assert end.result() == {held.id}
    assert jobs.state(canvas["after"]) == "queued"
