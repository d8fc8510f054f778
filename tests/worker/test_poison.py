"""A job that kills its process is found out, and the jobs beside it pay nothing."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pgqueue import TaskFailed, operations
from support.limited import DYING
from support.workers import is_running

WAIT = 60
ONE = ("--processes", "1", "-c", "4")


@pytest.fixture
def worker(start_worker):
    """A worker with one process of four slots, ready."""
    return start_worker(*ONE, app="support.limited").ready()


def assert_failed_after_three_crashes(result, cause):
    with pytest.raises(TaskFailed, match=cause) as caught:
        result.get(WAIT)
    assert caught.value.type == "WorkerLost"
    assert result.job().crashes == 3


@pytest.mark.parametrize("how", DYING)
def test_who_kills_its_process_fails_with_the_cause_and_its_neighbours_are_not_charged(
    worker, send, lock, until, app, how
):
    held = lock(1)
    neighbours = [send("hold", 1) for _ in range(3)]
    until(lambda: {job.state for job in neighbours} == {"STARTED"})
    poison = send("die", how)
    assert_failed_after_three_crashes(poison, how)
    held.free()
    for job in neighbours:
        assert job.get(WAIT)
    rows = [job.job() for job in neighbours]
    assert {(row.attempt, row.crashes, row.failures) for row in rows} == {(1, 0, 1)}
    # The one time when nobody knew who it was, and three that were its own.
    errors = [attempt.error for attempt in app.run(operations.attempts(poison.id))]
    assert len(errors) == 4
    assert "3 others" in errors[0]
    assert "uncharged" in worker.log


@pytest.fixture
def group(until):
    """A control group with little memory, where that can be made; None elsewhere."""
    place = Path("/sys/fs/cgroup/memory", f"pgqueue-tests-{os.getpid()}")
    try:
        place.mkdir()
        (place / "memory.limit_in_bytes").write_text(str(2**26))
    except OSError:
        yield None
        return
    yield str(place)
    until(lambda: not (place / "cgroup.procs").read_text(), "the group to be empty")
    place.rmdir()


def test_who_takes_more_memory_than_there_is_fails_and_its_neighbours_are_not_charged(
    start_worker, send, lock, until, group
):
    """The kernel kills it; --max-memory-per-child looks only when a job has ended."""
    worker = start_worker(*ONE, "--max-memory-per-child", "100000", app="support.limited").ready()
    held = lock(1)
    neighbours = [send("hold", 1) for _ in range(3)]
    until(lambda: {job.state for job in neighbours} == {"STARTED"})
    poison = send("die_of_memory", group)
    assert_failed_after_three_crashes(poison, "SIGKILL")
    held.free()
    for job in neighbours:
        assert job.get(WAIT)
    assert {(job.job().attempt, job.job().crashes) for job in neighbours} == {(1, 0)}
    assert send("who").get(WAIT)
    assert "uncharged" in worker.log


def test_an_allocation_that_fails_is_a_crash_in_c_and_an_exception_in_python(worker, send):
    with pytest.raises(TaskFailed, match="MemoryError"):
        send("ask_for_too_much").get(WAIT)
    assert_failed_after_three_crashes(send("die_of_a_failed_allocation"), "SIGSEGV")
    assert send("who").get(WAIT)


def test_suspects_do_not_disturb_those_that_run_beside_them(worker, send, lock, until):
    """A process that died once is replaced, and nobody suspicious runs in the new one."""
    held = lock(1)
    suspects = [send("hold", 1), send("die", "SIGKILL")]
    until(lambda: all(job.job().claim > 1 for job in suspects), "their second runs")
    innocent = send("hold", 1)
    until(lambda: innocent.state == "STARTED")
    with pytest.raises(TaskFailed):
        suspects[1].get(WAIT)
    held.free()
    assert innocent.get(WAIT)
    assert suspects[0].get(WAIT) != innocent.get(WAIT)
    assert (innocent.job().claim, innocent.job().failures) == (1, 0)


def test_another_worker_runs_suspects_alone_as_well(start_worker, worker, send, until):
    """The mark is in the job's row."""
    poison = send("die", "SIGSEGV")
    until(lambda: poison.job().crashes >= 1)
    worker.destroy()
    start_worker(*ONE, app="support.limited").logged("alone-1.*SIGSEGV")
    assert_failed_after_three_crashes(poison, "SIGSEGV|not heard of")


@pytest.mark.sessions("a dead worker is known by its lease alone")
def test_a_job_that_takes_its_whole_worker_with_it_fails_after_the_third(
    start_worker, send, until, lock, connection
):
    poison = send("kill_worker", 1)
    newest = "select lifeline from pgqueue.workers order by id desc limit 1"
    for claim in (1, 2, 3):
        held = lock(1)
        doomed = start_worker(*ONE, app="support.limited").ready()
        until(lambda: (poison.state, poison.job().claim) == ("STARTED", claim))  # noqa: B023
        until(lambda: connection.execute(newest).fetchone()[0], "what shortens the lease")
        held.free()
        doomed.ended()
        assert poison.job().crashes == claim - 1
    start_worker(*ONE, app="support.limited")
    assert_failed_after_three_crashes(poison, "was not heard of")


def test_the_end_of_a_process_shows_although_others_hold_its_pipe(worker, send, until):
    """Those that its task has forked: they go, too."""
    with pytest.raises(TaskFailed, match="exited with status 3"):
        send("fork_and_die").get(WAIT)


def test_what_a_crashed_task_has_started_ends_when_the_worker_is_killed(worker, send, until, lock):
    held = lock(1)
    pid = send("who").get(WAIT)
    running = send("hold", 1)
    until(lambda: running.state == "STARTED")
    worker.destroy()
    until(lambda: not is_running(pid), "the child to end")
    held.free()
