"""What running workers are told: whom it reaches, what it does, what is answered."""

from __future__ import annotations

import asyncio

import pytest

from support.workers import is_running

PATIENT = {"reply": True, "timeout": 20.0}


@pytest.fixture
def two(start_worker):
    """Two workers, `w1` and `w2`, each with one process of one slot."""
    started = [start_worker(name, "--processes", "1", "-c", "1") for name in ("w1", "w2")]
    return [each.ready() for each in started]


@pytest.fixture
def row(connection):
    """Returns a column of the worker `w1`'s row."""
    return lambda column: connection.execute(
        f"select {column} from pgqueue.workers where name = 'w1' and stopped_at is null"
    ).fetchone()[0]


def test_everybody_answers_a_ping(two, control):
    del two
    answers = control.ping(timeout=20)
    assert sorted(answers, key=str) == [{"w1": {"ok": "pong"}}, {"w2": {"ok": "pong"}}]


def test_only_who_is_meant_is_told(two, control):
    del two
    for asked in (
        {"destination": "w2"},
        {"destination": ["w2", "nobody"]},
        {"pattern": "*2"},
        {"pattern": "2$", "matcher": "pcre"},
    ):
        assert control.broadcast("ping", **asked, **PATIENT) == [{"w2": {"ok": "pong"}}], asked


def test_no_more_answers_are_waited_for_than_wanted(two, control):
    del two
    assert len(control.broadcast("ping", limit=1, **PATIENT)) >= 1


def test_nobody_is_there_to_answer(control):
    assert control.ping(timeout=20) == []
    assert control.broadcast("ping", **PATIENT) == []
    assert control.broadcast("ping") is None


def test_a_coroutine_can_tell_workers(worker, app):
    del worker

    async def ask():
        said = await app.control.abroadcast("ping", **PATIENT)
        await app.control.abroadcast("ping")
        await app.aclose()
        return said

    assert asyncio.run(ask()) == [{"w1": {"ok": "pong"}}]


def test_what_a_worker_cannot_do_it_says(worker, control):
    del worker
    ((_, unknown),) = control.broadcast("dance", **PATIENT)[0].items()
    assert "unknown command 'dance': this worker knows" in unknown["error"]
    ((_, wrong),) = control.broadcast("revoke", {"jobs": 5}, **PATIENT)[0].items()
    assert "TypeError" in wrong["error"]
    assert control.ping(timeout=20) == [{"w1": {"ok": "pong"}}]


def test_names_that_are_equal_are_told_apart(start_worker, control):
    for _ in range(2):
        start_worker("same", "--processes", "1").ready()
    names = sorted(name for answer in control.ping(timeout=20) for name in answer)
    assert names[0] == "same"
    assert names[1].startswith("same (id ")


# ── queues ──


def test_a_consumer_is_added_and_cancelled(worker, control, send, row, until):
    job = send("add", 1, 2, queue="extra")
    assert control.add_consumer("extra", **PATIENT) == [{"w1": {"ok": "add consumer extra"}}]
    assert job.get(timeout=10) == 3
    assert row("queues") == ["default", "extra"]
    (again,) = control.add_consumer("extra", **PATIENT)
    assert again == {"w1": {"ok": "already consuming from 'extra'"}}
    (gone,) = control.cancel_consumer("extra", **PATIENT)
    assert gone == {"w1": {"ok": "no longer consuming from extra"}}
    assert row("queues") == ["default"]
    left = send("add", 1, 2, queue="extra")
    assert send("add", 3, 4).get(timeout=10) == 7
    assert left.state == "PENDING"
    del worker, until


@pytest.mark.sessions("nobody lies down to be woken")
def test_an_idle_worker_is_woken_for_a_queue_that_was_added(worker, control, send, connection):
    del worker
    control.add_consumer("extra", **PATIENT)
    assert send("add", 1, 2, queue="extra").get(timeout=10) == 3
    locks = "select count(*) from pg_locks where locktype = 'advisory' and objid is not null"
    assert connection.execute(locks).fetchone()[0]


def test_only_one_of_two_serves_a_queue_that_was_added_there(two, control, send, connection):
    del two
    control.add_consumer("extra", destination=["w2"], **PATIENT)
    job = send("add", 1, 2, queue="extra")
    assert job.get(timeout=10) == 3
    asked = "select name from pgqueue.workers where id = %s"
    assert connection.execute(asked, [job.job().worker_id]).fetchone()[0] == "w2"


def test_what_runs_is_finished_after_its_queue_is_left(worker, control, send, begun, lock):
    del worker
    held = lock(1)
    job = send("hold", 1)
    begun("hold")
    control.cancel_consumer("default", **PATIENT)
    after = send("add", 1, 2)
    held.free()
    assert job.get(timeout=10)
    assert after.state == "PENDING"
    control.add_consumer("default", **PATIENT)
    assert after.get(timeout=10) == 3


# ── size ──


def test_a_pool_grows_under_load(start_worker, control, send, begun, lock, row):
    start_worker("w1", "--processes", "1", "-c", "1").ready()
    held = lock(1)
    jobs = [send("hold", 1) for _ in range(3)]
    begun("hold")
    assert control.pool_grow(2, **PATIENT) == [{"w1": {"ok": "pool will grow"}}]
    assert len(set(begun("hold", times=3))) == 3
    assert (row("concurrency"), row("processes")) == (3, 3)
    held.free()
    for job in jobs:
        job.get(timeout=10)


def test_a_pool_shrinks_and_kills_nothing(start_worker, control, send, begun, lock, row, until):
    start_worker("w1", "--processes", "2", "-c", "4").ready()
    held = lock(1)
    jobs = [send("hold", 1, "first") for _ in range(4)]
    before = set(begun("first", times=4))
    assert control.pool_shrink(3, **PATIENT) == [{"w1": {"ok": "pool will shrink"}}]
    assert (row("concurrency"), row("processes")) == (1, 1)
    held.free()
    for job in jobs:
        job.get(timeout=10)
        assert job.job().claim == 1
    until(lambda: not any(map(is_running, before)), "those that were there to leave")
    other = lock(2)
    second = [send("hold", 2, "second") for _ in range(2)]
    begun("second")
    assert len(control.inspect(timeout=20).active()["w1"]) == 1
    assert len(begun("second")) == 1
    other.free()
    for job in second:
        job.get(timeout=10)


def test_a_pool_grows_again_after_it_was_shrunk(start_worker, control, send, begun, lock):
    start_worker("w1", "--processes", "2", "-c", "2").ready()
    control.pool_shrink(1, **PATIENT)
    control.pool_grow(2, **PATIENT)
    held = lock(1)
    jobs = [send("hold", 1) for _ in range(3)]
    begun("hold", times=3)
    held.free()
    for job in jobs:
        job.get(timeout=10)


def test_a_pool_has_one_slot_at_least(worker, control):
    del worker
    ((_, refused),) = control.pool_shrink(4, **PATIENT)[0].items()
    assert "4 slots cannot become 0" in refused["error"]


@pytest.mark.parametrize("n", [0, -1, True, "2"])
def test_a_number_that_is_none_is_refused(control, n):
    with pytest.raises(ValueError, match="how many jobs"):
        control.pool_grow(n)


def test_a_pool_is_restarted_job_by_job(worker, control, send, begun, lock, until):
    del worker
    held = lock(1)
    job = send("hold", 1)
    (pid,) = begun("hold")
    assert control.pool_restart(**PATIENT) == [{"w1": {"ok": "pool will restart"}}]
    until(lambda: send("who").get(timeout=10) != pid, "a new process")
    held.free()
    assert job.get(timeout=10) == pid
    assert job.job().claim == 1
    until(lambda: not is_running(pid))


# ── the end ──


def test_a_shutdown_is_warm(two, control, send, begun, lock):
    first, second = two
    held = lock(1)
    jobs = [send("hold", 1) for _ in range(2)]
    begun("hold", times=2)
    assert control.shutdown(["w1"], **PATIENT) == [{"w1": {"ok": "worker will stop"}}]
    first.logged("stopping: no new claims; 1 jobs in hand")
    held.free()
    assert first.ended() == 0
    for job in jobs:
        job.get(timeout=10)
        assert job.job().claim == 1
    assert second.process.poll() is None


def test_purge_cancels_what_waits_and_says_how_much(worker, control, send, begun, lock):
    del worker
    held = lock(1)
    running = [send("hold", 1) for _ in range(4)]
    begun("hold", times=4)
    waiting = [send("add", 1, 2), send("add", 1, 2, countdown=60), send("add", 1, 2, queue="other")]
    assert control.purge() == 3
    assert {job.state for job in waiting} == {"REVOKED"}
    held.free()
    for job in running:
        job.get(timeout=10)
    assert control.purge() == 0
