"""`self.transaction()`: the rows of a task and the end of its job are one commit."""

from __future__ import annotations

import pytest

from pgqueue import TaskFailed

WAIT = 30


@pytest.mark.parametrize("task", ["together", "atogether"])
def test_rows_and_success_are_committed_together(worker, send, log_table, task):
    result = send(task, "one")
    value = result.get(WAIT)
    assert value in ({"text": "one"}, "one")
    assert log_table() == ["one"]


def test_the_rows_carry_the_transaction_of_the_finished_job(worker, send, log_table, connection):
    send("together", "one").get(WAIT)
    (same,) = connection.execute(
        "select (select xmin from log) = (select xmin from pgqueue.jobs_succeeded)"
    ).fetchone()
    assert same


def test_an_exception_in_the_block_writes_nothing_and_fails_the_job(worker, send, log_table):
    with pytest.raises(TaskFailed, match="after the insert"):
        send("together", "one", kwargs={"fail": True}, max_retries=0).get(WAIT)
    assert log_table() == []


def test_a_run_that_was_superseded_writes_nothing(worker, send, log_table, lock, connection, until):
    held = lock(1)
    result = send("together_when", "one", 1)
    until(lambda: result.state == "STARTED")
    # What a rescue and a new claim do, in one stroke.
    connection.execute("update pgqueue.jobs_live set claim = claim + 1")
    held.free()
    worker.logged("claim 1 is stale")
    assert log_table() == []
    assert result.job().state == "running"


def test_an_outcome_of_a_superseded_claim_is_refused_and_counted(
    worker, send, lock, connection, until
):
    held = lock(1)
    result = send("hold", 1)
    until(lambda: result.state == "STARTED")
    connection.execute("update pgqueue.jobs_live set claim = claim + 1")
    held.free()
    worker.logged("1 outcomes were refused")
    assert result.job().state == "running"
    assert worker.stop() == 0
    (stats,) = connection.execute("select stats ->> 'stale' from pgqueue.workers").fetchone()
    assert stats in (None, "1")
    worker.logged("has stopped: .*1 stale")


@pytest.mark.sessions("a session is nobody's own")
def test_a_task_that_forks_in_its_transaction_keeps_its_session_to_itself(worker, send, jobs):
    before, child, after = send("fork").get(WAIT)
    assert before == after != child
    assert jobs.value("select count(*) from pgqueue.jobs where task = 'add'") == 1
