"""A command reaches a worker that hears nothing, is cut off, or was taken for dead."""

from __future__ import annotations

import signal

import pytest

from pgqueue import TaskRevokedError, operations
from support.databases import outage
from support.jobs import Jobs

PATIENT = {"reply": True, "timeout": 30.0}
POLLING = {"wakeup PATIENCE": 0.2, "liveness HEARTBEAT": 600.0, "liveness LEASE": 6000.0}

#: The listen connection hears nothing, as behind a pooler.
DEAF = """
from pgqueue.worker import wakeup
async def _listen(self, connection):
    pass
wakeup.Listener._listen = _listen
"""


@pytest.fixture
def deaf(start_worker):
    worker = start_worker("w1", "--processes", "1", patches=POLLING, prelude=DEAF).ready()
    worker.logged("polling instead")
    return worker


def test_a_worker_that_hears_nothing_looks_what_it_is_told(deaf, control, send, begun):
    del deaf
    assert control.ping(timeout=20) == [{"w1": {"ok": "pong"}}]
    sleeping, waiting = send("go_on", "sleep"), send("wait")
    begun("sleep"), begun("wait")
    control.terminate([sleeping.id, waiting.id])
    for job in (sleeping, waiting):
        with pytest.raises(TaskRevokedError):
            job.get(timeout=5)


def test_what_is_told_to_a_stopped_process_is_done_when_it_goes_on(worker, control, send):
    worker.signal(signal.SIGSTOP)
    control.add_consumer("extra")
    job = send("add", 1, 2, queue="extra")
    worker.signal(signal.SIGCONT)
    assert job.get(timeout=20) == 3


def test_what_is_told_before_an_outage_is_done_after_it(
    worker, control, send, begun, server, database
):
    job = send("go_on", "sleep")
    begun("sleep")
    worker.signal(signal.SIGSTOP)
    control.terminate(job.id)
    control.broadcast("pool_grow", {"n": 2})
    with outage(server, database):
        worker.signal(signal.SIGCONT)
        worker.logged("no connection to PostgreSQL")
    with pytest.raises(TaskRevokedError):
        job.get(timeout=20)
    worker.logged("told to have 6 slots")
    assert len([line for line in worker.log.splitlines() if "told to have" in line]) == 1


def test_a_worker_that_was_taken_for_dead_does_what_its_old_id_was_told(
    start_worker, control, send, until, jobs, connection
):
    worker = start_worker(patches={"liveness LEASE": 1.0, "liveness HEARTBEAT": 0.3}).ready()
    before = jobs.value("select id from pgqueue.workers")
    worker.signal(signal.SIGSTOP)
    control.add_consumer("extra")
    until(lambda: jobs.value("select expires_at < pgqueue.now() from pgqueue.workers"))
    jobs.run(operations.lost())
    worker.signal(signal.SIGCONT)
    assert send("add", 1, 2, queue="extra").get(timeout=20) == 3
    (row,) = jobs.run(operations.workers())
    assert row.id != before
    assert row.queues == ["default", "extra"]
    del connection


def test_a_command_expires(worker, control, connection):
    worker.signal(signal.SIGSTOP)
    control.add_consumer("extra")
    connection.execute("update pgqueue.commands set expires_at = pgqueue.now()")
    worker.signal(signal.SIGCONT)
    assert control.ping(timeout=20)
    assert control.inspect(timeout=20).active_queues()["w1"][0]["name"] == "default"
    assert "told to serve" not in worker.log


def test_what_was_told_long_ago_is_cleared_away(control, jobs, connection):
    jobs.register("silent")
    control.broadcast("ping")
    connection.execute("update pgqueue.commands set expires_at = expires_at - interval '2 h'")
    control.broadcast("ping")
    assert jobs.value("select count(*) from pgqueue.commands") == 1


def test_nothing_is_told_to_nobody(control, jobs, heard):
    control.broadcast("ping")
    control.revoke(jobs.add())
    assert jobs.value("select count(*) from pgqueue.commands") == 0
    assert "pgqueue.control" not in heard()


def test_a_heartbeat_says_what_there_is_to_read(jobs, control):
    worker = jobs.register()
    beat = operations.heartbeat(worker, 30, "{}", "[]")
    assert not jobs.run(beat).told
    sums = {jobs.run(beat).settings}
    control.time_limit("add", hard=5)
    sums.add(jobs.run(beat).settings)
    control.rate_limit("add", "10/m")
    sums.add(jobs.run(beat).settings)
    jobs.connection.execute("update pgqueue.task_settings set time_limit = 6")
    sums.add(jobs.run(beat).settings)
    assert len(sums) == 4
    assert jobs.run(beat).told
    jobs.run(operations.answer({c.id: "{}" for c in jobs.run(operations.commands([worker]))}))
    assert not jobs.run(beat).told


def test_whoever_is_told_behind_a_transaction_sees_it_when_that_is_committed(connect, jobs):
    other = Jobs(connect())
    worker = jobs.register()
    claimed = jobs.running(worker)
    with other.transaction():
        other.run(operations.terminate([claimed.id], "SIGTERM"))
        assert jobs.run(operations.commands([worker])) == []
    said = jobs.run(operations.commands([worker]))
    assert [each.name for each in said] == ["revoke", "revoke"]
    assert claimed.id in said[1].arguments
