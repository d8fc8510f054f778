"""Processes are replaced after so many jobs, or when they have grown: nothing is lost by it."""

from __future__ import annotations

from collections import Counter

from support.workers import is_running

WAIT = 60


def start(start_worker, *options):
    return start_worker("--processes", "1", *options, app="support.limited").ready()


def assert_uncharged(results):
    assert {(r.job().attempt, r.job().crashes, r.job().failures) for r in results} == {(1, 0, 0)}


def test_a_process_runs_no_more_jobs_than_it_may(start_worker, send):
    start(start_worker, "-c", "4", "--max-tasks-per-child", "10")
    results = [send("who") for _ in range(75)]
    by_process = Counter(result.get(WAIT) for result in results)
    assert max(by_process.values()) <= 10
    assert len(by_process) >= 8
    assert_uncharged(results)


def test_every_job_can_have_a_process_of_its_own(start_worker, send):
    worker = start(start_worker, "-c", "2", "--max-tasks-per-child", "1")
    results = [send("who") for _ in range(6)]
    pids = {result.get(WAIT) for result in results}
    assert len(pids) == 6
    assert_uncharged(results)
    assert worker.stop() == 0


def test_others_work_while_the_last_jobs_of_a_process_go_on(start_worker, send, lock, until):
    """It ends when they have ended, and its successor has long taken over."""
    start(start_worker, "-c", "4", "--max-tasks-per-child", "3")
    held = lock(1)
    slow = [send("hold", 1) for _ in range(2)]
    until(lambda: {job.state for job in slow} == {"STARTED"})
    pids = [send("who").get(WAIT) for _ in range(7)]
    held.free()
    (old,) = {job.get(WAIT) for job in slow}
    assert Counter(pids)[old] <= 1
    until(lambda: not is_running(old), "the old process to end")
    assert {(job.job().claim, job.job().crashes) for job in slow} == {(1, 0)}


def test_jobs_that_run_alone_count_too(start_worker, send):
    start(start_worker, "-c", "1", "--max-tasks-per-child", "2")
    pids = Counter(send("who", time_limit=60).get(WAIT) for _ in range(6))
    assert sorted(pids.values()) == [2, 2, 2]


def test_a_process_that_has_grown_is_replaced_when_its_jobs_have_ended(
    start_worker, send, lock, until
):
    worker = start(start_worker, "-c", "4", "--max-memory-per-child", "200000")
    held = lock(1)
    running = send("hold", 1)
    until(lambda: running.state == "STARTED")
    fat = send("grow", 250).get(WAIT)
    worker.logged("KiB of memory")
    until(lambda: send("who").get(WAIT) != fat, "another process")
    assert is_running(fat)
    held.free()
    assert running.get(WAIT) == fat
    until(lambda: not is_running(fat), "the old process to end")
    assert (running.job().claim, running.job().crashes) == (1, 0)


def test_a_process_within_its_means_stays(start_worker, send):
    start(
        start_worker, "-c", "1", "--max-memory-per-child", "900000", "--max-tasks-per-child", "100"
    )
    assert len({send("who").get(WAIT) for _ in range(20)}) == 1


def test_a_worker_stops_as_always_while_a_successor_is_on_its_way(start_worker, send, until):
    worker = start(start_worker, "-c", "2", "--max-tasks-per-child", "2")
    results = [send("who") for _ in range(20)]
    results[3].get(WAIT)
    assert worker.stop() == 0
    start(start_worker, "-c", "2")
    assert all(result.get(WAIT) for result in results)
    assert_uncharged(results)
