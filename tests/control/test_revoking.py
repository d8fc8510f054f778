"""Revoke and terminate: what becomes of a job, wherever it is."""

from __future__ import annotations

import os
import signal

import pytest

from pgqueue import TaskRevokedError
from support.going_on import GOING_ON
from support.workers import is_running

#: A second, on a machine that does nothing else.
SOON = 1.0 * 3


def test_a_job_that_waits_is_revoked_at_once_and_never_runs(control, send, app, start_worker):
    first, second = send("add", 1, 2), send("add", 3, 4)
    assert control.revoke([first.id, second.id]) == {first.id: "cancelled", second.id: "cancelled"}
    start_worker().ready()
    assert send("add", 5, 6).get(timeout=10) == 11
    with pytest.raises(TaskRevokedError):
        first.get(timeout=SOON)
    assert second.state == "REVOKED"


def test_an_unknown_id_is_told_by_its_absence(control):
    assert control.revoke("0198c0de-0000-7000-8000-000000000001") == {}


def test_a_def_is_terminated_whatever_it_does(worker, control, send, begun, until):
    del worker
    for how in GOING_ON:
        job = send("go_on_and_retry", how)
        (pid,) = begun(how)
        assert control.terminate(job.id) == {job.id: "running"}, how
        with pytest.raises(TaskRevokedError, match=r"terminated \(SIGTERM\)"):
            job.get(timeout=SOON)
        until(lambda pid=pid: not is_running(pid), f"the end of {how}")
        assert send("add", 1, 2).get(timeout=10) == 3


def test_what_ran_beside_a_terminated_job_runs_again_uncharged(worker, control, send, begun, lock):
    held = lock(1)
    beside = send("hold", 1, "beside")
    begun("beside")
    job = send("go_on", "sleep")
    begun("sleep")
    control.revoke(job.id, terminate=True)
    with pytest.raises(TaskRevokedError):
        job.get(timeout=SOON)
    begun("beside", times=2)
    held.free()
    beside.get(timeout=10)
    assert (beside.job().attempt, beside.job().crashes) == (1, 0)
    assert "1 that ran beside it run again" in worker.log


def test_two_at_once_are_both_terminated(worker, control, send, begun):
    del worker
    both = [send("go_on", "sleep") for _ in range(2)]
    begun("sleep", times=2)
    control.revoke([job.id for job in both], terminate=True)
    for job in both:
        with pytest.raises(TaskRevokedError):
            job.get(timeout=SOON)


def test_a_frozen_child_is_terminated(worker, control, send, begun):
    del worker
    job = send("go_on", "sleep")
    (pid,) = begun("sleep")
    os.kill(pid, signal.SIGSTOP)
    control.terminate(job.id, signal="SIGKILL")
    with pytest.raises(TaskRevokedError, match="SIGKILL"):
        job.get(timeout=SOON)


def test_a_job_whose_slots_are_taken_is_ended_and_nothing_is_killed(
    worker, control, send, begun, lock
):
    held = lock(1)
    first = [send("hold", 1, "first") for _ in range(4)]
    begun("first", times=4)
    waiting = send("go_on", "sleep")
    assert control.terminate(waiting.id) == {waiting.id: "cancelled"}
    held.free()
    assert len({job.get(timeout=10) for job in first}) == 1
    assert "is killed" not in worker.log


def test_a_def_without_terminate_runs_to_its_end_and_no_further(worker, control, send, begun, lock):
    del worker
    held = lock(1)
    job = send("hold", 1)
    (pid,) = begun("hold")
    assert control.revoke(job.id) == {job.id: "running"}
    held.free()
    assert job.get(timeout=10) == pid


def test_a_coroutine_is_cancelled_and_not_tried_again(worker, control, send, begun):
    del worker
    job = send("wait")
    begun("wait")
    control.revoke(job.id)
    begun("wait was cancelled")
    with pytest.raises(TaskRevokedError, match="cancelled"):
        job.get(timeout=SOON)


def test_a_coroutine_is_cancelled_from_sql_and_by_its_handle(worker, send, begun, jobs):
    del worker
    first, second = send("wait", "first"), send("wait", "second")
    begun("first"), begun("second")
    assert jobs.value("select pgqueue.cancel(%s::uuid)", first.id) == "running"
    assert second.revoke()
    for job in (first, second):
        with pytest.raises(TaskRevokedError):
            job.get(timeout=SOON)


def test_coroutines_beside_a_cancelled_one_go_on(worker, control, send, begun):
    del worker
    first, second = send("wait", "first"), send("wait", "second")
    (pid,) = begun("first")
    begun("second")
    control.revoke(first.id, terminate=True)
    with pytest.raises(TaskRevokedError):
        first.get(timeout=SOON)
    assert second.state == "STARTED"
    assert is_running(pid)


def test_a_coroutine_that_returns_when_it_is_cancelled_has_succeeded(worker, control, send, begun):
    del worker
    job = send("wait_and_return")
    begun("wait_and_return")
    control.revoke(job.id)
    assert job.get(timeout=SOON) == "saved"


def test_a_coroutine_that_will_not_end_is_killed_with_its_process(worker, control, send, begun):
    del worker
    job = send("wait_stubbornly")
    (pid,) = begun("wait_stubbornly")
    control.terminate(job.id)
    with pytest.raises(TaskRevokedError, match="terminated"):
        job.get(timeout=1 + SOON)
    assert not is_running(pid)


def test_a_job_that_runs_alone_is_terminated_alone(worker, control, send, begun, lock):
    held = lock(1)
    beside = send("hold", 1)
    begun("hold")
    job = send("go_on", "sleep", time_limit=600)
    begun("sleep")
    control.terminate(job.id)
    with pytest.raises(TaskRevokedError):
        job.get(timeout=SOON)
    held.free()
    beside.get(timeout=10)
    assert beside.job().claim == 1
    assert "ran beside" not in worker.log


@pytest.mark.parametrize("given", ["SIGUSR1", "nonsense", 0])
def test_what_ends_no_process_is_refused(control, given):
    with pytest.raises(ValueError, match="give one of SIGTERM"):
        control.terminate("0198c0de-0000-7000-8000-000000000001", signal=given)


def test_a_terminated_job_can_be_retried(worker, control, send, begun, jobs):
    del worker
    job = send("go_on", "sleep")
    begun("sleep")
    control.terminate(job.id)
    with pytest.raises(TaskRevokedError):
        job.get(timeout=SOON)
    jobs.value("select count(*) from pgqueue.retry(array[%s]::uuid[])", job.id)
    begun("sleep", times=2)
