"""P2 and P4: jobs of a worker that died run elsewhere within seconds, and of a live one never."""

from __future__ import annotations

import os
import signal
from datetime import timedelta

import pytest

from pgqueue import operations
from pgqueue.rows import Finished
from pgqueue.worker.liveness import LEASE
from support.jobs import Jobs, Step

WAIT = 30
SMALL = ("--processes", "1", "-c", "4")
#: A lease that a test can wait for; heartbeats may be late by several of them nevertheless.
SHORT = 3.0
SHORT_LEASE = {"liveness HEARTBEAT": 0.3, "liveness LEASE": SHORT}
#: The time to come back in, for a test that is slower than a worker.
LENIENT = {"watching GRACE": 25.0}


@pytest.fixture
def waiting(jobs):
    """How many tasks have begun, and wait for a lock."""
    count = "select count(*) from pg_locks where locktype = 'advisory' and not granted"
    return lambda: jobs.value(count)


@pytest.fixture
def hold_four(send, until, lock, waiting):
    """Has the worker run four jobs: returns their results, and the lock that they wait for."""

    def hold():
        held = lock(1)
        results = [send("ahold", 1) for _ in range(4)]
        until(lambda: waiting() == 4, "four running jobs")
        return results, held

    return hold


@pytest.fixture
def seconds_until_second_run(jobs, until):
    """Kills something and waits: how long after that did the last job run again?"""

    def measure(results, kill):
        killed_at = jobs.value("select pgqueue.now()")
        kill()
        runs = {("running", 2)}
        until(lambda: {(r.job().state, r.job().claim) for r in results} == runs, "second runs")
        return max((r.job().started_at - killed_at).total_seconds() for r in results)

    return measure


@pytest.fixture
def session_of(jobs):
    """The process id of a worker's control session, None while it has none."""

    def session(worker_id):
        name = jobs.value("select name from pgqueue.workers where id = %s", worker_id)
        return jobs.value(
            "select min(pid) from pg_stat_activity where application_name = %s",
            f"pgqueue {name}"[:63],
        )

    return session


# ── a worker that died ──


@pytest.mark.sessions("nobody sees a worker's session end")
def test_jobs_of_a_killed_worker_run_elsewhere_long_before_its_lease_is_over(
    start_worker, hold_four, seconds_until_second_run
):
    first = start_worker(*SMALL).ready()
    results, held = hold_four()
    start_worker(*SMALL).ready()
    took = seconds_until_second_run(results, lambda: first.signal(signal.SIGKILL))
    assert took < LEASE / 3
    held.free()
    assert {r.get(WAIT) for r in results} == {1}
    assert {(r.job().claim, r.job().attempt, r.job().crashes) for r in results} == {(2, 1, 1)}


@pytest.mark.sessions("nobody sees a worker's session end")
def test_a_killed_worker_that_was_the_only_one_is_rescued_by_its_successor(
    start_worker, hold_four, seconds_until_second_run
):
    first = start_worker(*SMALL).ready()
    results, held = hold_four()

    def kill_and_start_again():
        first.signal(signal.SIGKILL)
        first.ended()
        start_worker(*SMALL)

    assert seconds_until_second_run(results, kill_and_start_again) < LEASE / 2
    held.free()
    assert {r.get(WAIT) for r in results} == {1}


@pytest.mark.sessions("nobody sees a worker's session end")
def test_only_those_are_charged_with_the_end_of_their_worker_that_may_have_begun(
    start_worker, app, lock, jobs, until, waiting
):
    first = start_worker("--processes", "1", "-c", "2", patches={"crew HOARDING": 60.0}).ready()
    held = lock(1)
    app.enqueue_many(("add", (1, 2)) for _ in range(500))
    results = list(app.enqueue_many(("hold", (1,)) for _ in range(50)))
    in_hand = "select count(*) from pgqueue.jobs_live where state = 'running'"
    done = "select count(*) from pgqueue.jobs where state = 'succeeded'"
    until(lambda: (waiting(), jobs.value(done)) == (2, 500), "only those that hold to be left")
    fetched = jobs.value(in_hand)
    assert fetched > 2
    first.signal(signal.SIGKILL)
    first.ended()
    start_worker("--processes", "1", "-c", "2").logged(f"{fetched} of its jobs run again, 2 had")
    charged = lambda: [result.id for result in results if result.job().crashes]  # noqa: E731
    until(charged, "what was logged to be committed")
    assert charged() == [result.id for result in results[:2]]
    held.free()
    assert {result.get(WAIT) for result in results} == {1}


@pytest.mark.sessions("nobody sees a worker's session end")
def test_nobody_is_charged_if_a_worker_is_killed_that_was_told_to_stop(
    start_worker, hold_four, jobs, until
):
    first = start_worker(*SMALL).ready()
    results, held = hold_four()
    first.signal(signal.SIGTERM)
    until(lambda: jobs.value("select stats -> 'stopping' from pgqueue.workers"), "its word")
    first.signal(signal.SIGKILL)
    start_worker(*SMALL)
    until(lambda: {(r.job().state, r.job().claim) for r in results} == {("running", 2)})
    held.free()
    assert {r.get(WAIT) for r in results} == {1}
    assert {(r.job().attempt, r.job().crashes, r.job().failures) for r in results} == {(1, 0, 0)}


# ── a worker that lives ──


@pytest.mark.sessions("nobody sees a worker's session end")
def test_a_worker_whose_session_was_terminated_keeps_its_jobs(
    start_worker, hold_four, jobs, until, session_of
):
    start_worker(*SMALL).ready()
    results, held = hold_four()
    watcher = start_worker(*SMALL).ready()
    owner = results[0].job().worker_id
    for _ in range(5):
        pid = until(lambda: session_of(owner))
        jobs.value("select pg_terminate_backend(%s)", pid)
        until(lambda pid=pid: session_of(owner) not in (None, pid), "another session")
    held.free()
    assert {r.get(WAIT) for r in results} == {1}
    assert {(r.job().claim, r.job().crashes) for r in results} == {(1, 0)}
    assert "WorkerLost" not in watcher.log


@pytest.mark.sessions("nobody sees a worker's session end")
def test_a_worker_that_comes_back_while_its_lifeline_is_missed_keeps_its_jobs(
    start_worker, hold_four, jobs, until, session_of
):
    first = start_worker(*SMALL).ready()
    results, held = hold_four()
    watcher = start_worker(*SMALL, patches=LENIENT).ready()
    owner = results[0].job().worker_id
    lease = "select expires_at - heartbeat_at from pgqueue.workers where id = %s"
    first.signal(signal.SIGSTOP)
    jobs.value("select pg_terminate_backend(%s)", session_of(owner))
    watcher.logged("lost its session: it has")
    assert jobs.value(lease, owner) < timedelta(seconds=LEASE)
    first.signal(signal.SIGCONT)
    until(lambda: jobs.value(lease, owner) == timedelta(seconds=LEASE), "the whole lease")
    held.free()
    assert {r.get(WAIT) for r in results} == {1}
    assert {(r.job().claim, r.job().crashes) for r in results} == {(1, 0)}
    held_by = "select lifeline = pgqueue.incarnation() from pgqueue.workers where id = %s"
    until(lambda: jobs.value(held_by, owner), "the lifeline in its hands again")


def test_a_job_three_times_as_long_as_the_lease_runs_once_on_a_healthy_worker(
    start_worker, hold_four, jobs, until
):
    start_worker(*SMALL, patches=SHORT_LEASE).ready()
    results, held = hold_four()
    start_worker(*SMALL, patches=SHORT_LEASE).ready()
    over = results[0].job().started_at + timedelta(seconds=3 * SHORT)
    until(lambda: jobs.value("select pgqueue.now()") > over, "three leases to pass")
    held.free()
    assert {r.get(WAIT) for r in results} == {1}
    assert {(r.job().claim, r.job().crashes) for r in results} == {(1, 0)}


def test_a_task_that_hogs_the_interpreter_for_two_leases_is_not_rescued(start_worker, send):
    worker = start_worker("--processes", "1", "-c", "1", patches=SHORT_LEASE).ready()
    other = start_worker("--processes", "1", "-c", "1", patches=SHORT_LEASE).ready()
    result = send("hog", 2 * SHORT)
    result.get(WAIT)
    assert (result.job().claim, result.job().crashes) == (1, 0)
    assert "lost" not in worker.log + other.log


# ── a session that was lost, and goes on ──


@pytest.fixture
def lost_session(jobs, connect, until, session_of):
    """Terminates a worker's session, and is one that goes on in its stead until it is closed."""

    def lose(worker_id):
        late = Jobs(connect(options=""))
        hold = "select pg_advisory_lock(pgqueue.lifeline(%s))"
        held = Step(late, jobs.connection, lambda: late.connection.execute(hold, [worker_id]))
        held.blocked()
        pid = session_of(worker_id)
        jobs.value("select pg_terminate_backend(%s)", pid)
        held.result()
        until(lambda: session_of(worker_id) not in (None, pid), "another session")
        without = "select lifeline is null from pgqueue.workers where id = %s"
        until(lambda: jobs.value(without, worker_id), "a heartbeat without the lifeline")
        return late

    return lose


@pytest.fixture
def claimed_late(jobs):
    """What a lost session claims after the worker has asked what it runs, unknown to the worker."""

    def claim(late, worker_id):
        with late.transaction():
            job = late.add("add", args="[1, 2]")
            assert late.claim_ids(worker_id) == [job]
        assert jobs.state(job) == "running"
        return job

    return claim


@pytest.mark.sessions("a session goes on when its client is gone")
def test_what_a_lost_session_claims_late_runs_when_the_session_is_over(
    start_worker, jobs, until, lost_session, claimed_late
):
    start_worker(*SMALL, patches=SHORT_LEASE).ready()
    worker_id = jobs.value("select id from pgqueue.workers")
    late = lost_session(worker_id)
    job = claimed_late(late, worker_id)
    late.connection.close()
    until(lambda: jobs.state(job) == "succeeded", "the job to run")
    assert (jobs.get(job).claim, jobs.get(job).attempt, jobs.get(job).crashes) == (2, 1, 0)


@pytest.mark.sessions("a session goes on when its client is gone")
def test_what_a_lost_session_claims_late_is_given_back_by_a_worker_that_stops(
    start_worker, jobs, lost_session, claimed_late
):
    worker = start_worker(*SMALL, patches=SHORT_LEASE).ready()
    worker_id = jobs.value("select id from pgqueue.workers")
    late = lost_session(worker_id)
    job = claimed_late(late, worker_id)
    worker.signal(signal.SIGTERM)
    worker.ended()
    assert (jobs.state(job), jobs.get(job).attempt) == ("queued", 0)
    assert late.claim(worker_id) == []


# ── a worker that was frozen ──


@pytest.fixture
def rescued(jobs, until):
    """Waits until the lease is over and queues a job again, as another worker would."""

    def attempt():
        with jobs.transaction():
            return jobs.run(operations.crash(jobs.run(operations.lost()), "lost", 3))

    def rescue(result):
        expired = "select expires_at < pgqueue.now() from pgqueue.workers where id = %s"
        until(lambda: jobs.value(expired, result.job().worker_id), "the lease to be over")
        # Whoever froze in the middle of a heartbeat holds its row until the server loses patience.
        assert until(attempt, "the verdict") == {result.id: "queued"}

    return rescue


@pytest.fixture
def taken_over(jobs, rescued):
    """Has a job rescued; returns what claims it, as another worker."""

    def take_over(result):
        rescued(result)
        other = jobs.register("other", lease=1e6)
        return lambda: jobs.claim(other, tasks=["hold"])[0]

    return take_over


def runs(jobs, claim):
    claim()
    return "running"


def has_finished(jobs, claim):
    jobs.finish(claim(), result='"second"')
    return "succeeded"


def is_queued_again(jobs, claim):
    jobs.retry(claim(), countdown=3600.0)
    return "queued"


def was_cancelled(jobs, claim):
    jobs.run(operations.cancel([claim().id]))
    jobs.run(operations.purge("default", 100))
    return "running"


def was_cancelled_and_ended(jobs, claim):
    job = claim()
    jobs.run(operations.finish([Finished(job.id, job.claim, "cancelled")]))
    return "cancelled"


def was_pruned(jobs, claim):
    job = claim()
    jobs.finish(job)
    jobs.run(operations.forget(job.id))


@pytest.mark.parametrize(
    "meanwhile",
    [runs, has_finished, is_queued_again, was_cancelled, was_cancelled_and_ended, was_pruned],
)
def test_a_frozen_worker_comes_too_late_and_goes_on(
    start_worker, send, lock, jobs, until, waiting, taken_over, meanwhile
):
    worker = start_worker(*SMALL, patches=SHORT_LEASE).ready()
    held = lock(1)
    result = send("hold", 1)
    until(lambda: waiting() == 1, "the task to begin")
    worker.signal(signal.SIGSTOP)
    state = meanwhile(jobs, taken_over(result))
    held.free()  # the task ends, and its outcome waits for the supervisor
    held = lock(1)
    before = jobs.get(result.id)
    worker.signal(signal.SIGCONT)
    worker.logged("1 outcomes were refused")
    assert jobs.get(result.id) == before
    assert (before and before.state) == state
    worker.logged("registering anew")
    assert send("add", 1, 2).get(WAIT) == 3
    held.free()
    assert worker.stop() == 0
    worker.logged("has stopped: .*1 stale")


def test_a_job_that_its_frozen_worker_claims_anew_ends_once_though_it_runs_twice(
    start_worker, send, lock, until, waiting, rescued
):
    worker = start_worker(*SMALL, patches=SHORT_LEASE).ready()
    held = lock(1)
    result = send("hold", 1)
    until(lambda: waiting() == 1, "the task to begin")
    worker.signal(signal.SIGSTOP)
    rescued(result)
    worker.signal(signal.SIGCONT)
    until(lambda: waiting() == 2, "the second run beside the first")
    held.free()
    assert result.get(WAIT) == 1
    assert (result.job().claim, result.job().crashes) == (2, 1)
    worker.logged("1 outcomes were refused")


def test_when_all_of_a_worker_freezes_its_jobs_run_elsewhere_and_it_recovers(
    start_worker, send, lock, until, waiting, worker_pids
):
    held = lock(1)
    frozen = start_worker(*SMALL, patches=SHORT_LEASE).ready()
    result = send("ahold", 1)  # shared: a frozen process may be given the lock, too
    until(lambda: waiting() == 1, "the task to begin")
    pids = worker_pids(frozen)
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    start_worker(*SMALL, patches=SHORT_LEASE).ready()
    until(lambda: (result.job().state, result.job().claim) == ("running", 2), "the second run")
    held.free()
    assert result.get(WAIT) == 1
    for pid in pids:
        os.kill(pid, signal.SIGCONT)
    frozen.logged("1 outcomes were refused")
    frozen.logged("registering anew")
    assert (result.job().claim, result.job().crashes) == (2, 1)
    assert frozen.process.poll() is None


@pytest.fixture
def worker_pids(jobs, until):
    """The processes of a worker, children first; whatever stands still at the end goes on."""
    found = []

    def pids(worker):
        children = "select stats -> 'pids' from pgqueue.workers where pid = %s"
        until(lambda: jobs.value(children, worker.process.pid), "a heartbeat")
        found.extend([*jobs.value(children, worker.process.pid), worker.process.pid])
        return found

    yield pids
    for pid in found:
        os.kill(pid, signal.SIGCONT)
