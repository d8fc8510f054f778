"""`self.update_state`: how far a run is, for those who have the job's handle."""

from __future__ import annotations

import pytest

WAIT = 30


@pytest.mark.parametrize("task", ["working", "aworking"])
def test_what_a_run_says_of_itself_is_seen_until_it_ends(worker, send, until, lock, task):
    free = lock(1).free
    result = send(task, 1)
    until(lambda: result.state == "PROGRESS")
    assert isinstance(result.info["done"], int)
    assert result.info == result.result
    assert not result.ready()
    free()
    assert result.get(WAIT) == ("all" if task == "working" else None)
    assert (result.state, result.info) == ("SUCCESS", result.get(WAIT))


def test_it_is_gone_when_the_run_fails(worker, send, lock):
    result = send("working", 1, "raise", max_retries=0)
    with pytest.raises(ValueError, match="no"):
        result.get(WAIT)
    assert (result.state, result.job().result) == ("FAILURE", None)


def test_the_next_attempt_says_its_own(worker, send, until, lock):
    free = lock(1).free
    result = send("working", 1, "retry")
    until(lambda: result.info == {"done": 0})
    held = lock(2).free
    free()
    assert result.get(WAIT) == "all"
    held()
    assert result.job().attempt == 2


def superseded(connection, result):
    """Do as if a job was rescued, and claimed anew."""
    connection.execute("update pgqueue.jobs_live set claim = claim + 1 where id = %s", [result.id])


def test_what_an_earlier_claim_said_is_not_shown(worker, send, until, lock, connection):
    free = lock(1).free
    result = send("working", 1)
    until(lambda: result.state == "PROGRESS")
    superseded(connection, result)
    assert (result.state, result.info) == ("STARTED", None)
    free()


def test_a_run_that_was_superseded_is_told_so(worker, send, until, lock, connection):
    free = lock(1).free
    result = send("in_vain", 1)
    until(lambda: result.state == "STARTED")
    superseded(connection, result)
    free()
    worker.logged(f"{result.id}.*claim 1 is stale")
    assert result.job().result is None
