"""What receivers hear of jobs that ended without a process of theirs that could tell it."""

from __future__ import annotations

import pytest

from pgqueue import TaskFailed, TaskRevokedError, TimeLimitExceeded

WAIT = 30


@pytest.fixture
def lonely(start_worker):
    """A worker with one process, for one job at a time."""
    return start_worker("w1", "--processes", "1", "-c", "1").ready()


def test_of_a_def_that_is_terminated_the_next_process_tells_once(lonely, control, send, begun):
    """There is no other one: who follows the one that was killed says it."""
    del lonely
    job = send("go_on", "sleep")
    (killed,) = begun("sleep")
    control.terminate(job.id, signal="SIGINT")
    with pytest.raises(TaskRevokedError):
        job.get(WAIT)
    (told,) = begun("revoked go_on ['sleep']: True 2 False")
    assert told != killed
    assert send("who").get(WAIT) == told
    assert begun("revoked go_on ['sleep']: True 2 False") == [told]


def test_of_two_that_end_with_one_process_both_are_told_of(worker, control, send, begun):
    del worker
    both = [send("go_on", "sleep"), send("go_on", "spin")]
    begun("sleep"), begun("spin")
    control.revoke([job.id for job in both], terminate=True)
    for how in ("sleep", "spin"):
        assert len(begun(f"revoked go_on ['{how}']: True 15 False")) == 1


def test_of_a_coroutine_its_own_process_tells(worker, control, send, begun):
    del worker
    first, second = send("wait", "first"), send("wait", "second")
    (pid,) = begun("first")
    begun("second")
    control.revoke(first.id)
    assert begun("revoked wait ['first']: True None False") == [pid]
    control.terminate(second.id)
    assert begun("revoked wait ['second']: True 15 False") == [pid]


def test_of_what_sql_calls_a_signal_it_is_told_what_it_comes_to(worker, send, begun, connection):
    del worker
    both = [send("go_on", "sleep"), send("wait")]
    begun("sleep"), begun("wait")
    connection.execute(
        "select pgqueue.terminate(%s::uuid[], %s)", [[job.id for job in both], "\x1e odd \x1f"]
    )
    for job in both:
        with pytest.raises(TaskRevokedError):
            job.get(WAIT)
    assert len(begun("revoked go_on ['sleep']: True 9 False")) == 1
    assert len(begun("revoked wait []: True 9 False")) == 1


def test_of_one_that_has_not_begun_it_is_told_too(start_worker, control, send, begun, until):
    start_worker("w1", "--processes", "1", "-c", "1", environment={"NOBODY_ALONE": "1"}).ready()
    waiting = send("add", 1, 2, time_limit=600)
    until(lambda: waiting.state == "STARTED")  # claimed: it waits for a process of its own
    control.revoke(waiting.id)
    assert len(begun("revoked add [1, 2]: False None False")) == 1
    with pytest.raises(TaskRevokedError):
        waiting.get(WAIT)


def test_of_one_that_would_have_been_tried_again_it_is_told_too(lonely, control, send, begun, lock):
    del lonely
    held = lock(1)
    job = send("hold_and_fail", 1)
    begun("hold")
    control.revoke(job.id)
    assert control.inspect(timeout=20).ping()  # so it has heard of the other, too
    held.free()
    with pytest.raises(TaskRevokedError):
        job.get(WAIT)
    assert len(begun("revoked hold_and_fail [1]: False None False")) == 1


def test_of_one_that_is_killed_by_its_time_limit_another_tells(lonely, send, begun):
    del lonely
    job = send("go_on", "sleep", time_limit=0.3)
    with pytest.raises(TimeLimitExceeded):
        job.get(WAIT)
    about = "TimeLimitExceeded: it ran for 0.3 s, its time limit; its process was killed"
    assert begun(f"failed go_on ['sleep']: {about}") == [send("who").get(WAIT)]


def test_of_one_that_kills_every_process_it_is_told_when_it_has_failed(lonely, send, begun):
    del lonely
    job = send("kill_itself")
    with pytest.raises(TaskFailed, match="WorkerLost"):
        job.get(WAIT)
    about = "WorkerLost: the process that ran it was killed by SIGKILL"
    assert len(begun(f"failed kill_itself []: {about}")) == 1
