"""P2 and P7 in races: a claim beside a rescue, a heartbeat beside a rescue, stepped by hand."""

from __future__ import annotations

import pytest

from pgqueue import operations
from support.jobs import Jobs


@pytest.fixture
def dying(jobs):
    """A worker whose lease will be over in thirty seconds."""
    return jobs.register("dying", lease=30)


@pytest.fixture
def gate(connect, connection, clock):
    """Stops whoever asks for the time while the test holds `gate`, as a busy server might."""
    del clock
    connection.execute(
        "create or replace function pgqueue.now() returns timestamptz language plpgsql volatile as "
        "$$ begin perform pg_advisory_lock_shared(4711), pg_advisory_unlock_shared(4711); "
        "return (select now from public.test_clock); end $$"
    )
    holder = Jobs(connect())
    holder.close = lambda: holder.value("select pg_advisory_lock(4711)::text")
    holder.open = lambda: holder.value("select pg_advisory_unlock(4711)")
    return holder


def running_under_stopped_workers(jobs):
    return jobs.value("""
        select count(*) from pgqueue.jobs_live j join pgqueue.workers w on w.id = j.worker_id
        where j.state = 'running' and w.stopped_at is not null
    """)


def rescue(jobs):
    """What the duty does: returns the states of the jobs that were lost."""
    with jobs.transaction():
        found = jobs.run(operations.lost())
        return jobs.run(operations.crash(found, "lost", 3))


def test_a_worker_that_is_claiming_is_passed_over_and_found_the_next_time(
    jobs, other, clock, dying
):
    job = jobs.add()
    with jobs.transaction():
        assert jobs.claim_ids(dying) == [job]
        clock.advance(31)
        assert rescue(other) == {}
    assert jobs.value("select count(*) from pgqueue.workers where stopped_at is null") == 1
    assert rescue(other) == {job: "queued"}
    assert running_under_stopped_workers(jobs) == 0


def test_a_claim_that_comes_after_the_verdict_gets_nothing(jobs, other, clock, dying, gate, step):
    # The claim begins within the lease, and comes to the worker's row when that is locked.
    jobs.add()
    gate.close()
    claim = step(jobs, lambda: jobs.claim(dying)).blocked()
    with other.transaction():
        other.connection.execute(
            "update pgqueue.workers set stopped_at = '2000-01-01' where id = %s", [dying]
        )
        gate.open()
        claim.blocked()
    assert claim.result() == []
    assert running_under_stopped_workers(jobs) == 0


def test_a_claim_that_commits_while_the_verdict_is_under_way_is_seen(
    jobs, other, clock, dying, gate, step
):
    # The rescue has begun, so its statement's snapshot is older than the claim's commit; the
    # worker's row is free again when the rescue comes to it.
    job = jobs.add()
    with jobs.transaction():
        assert jobs.claim_ids(dying) == [job]
        clock.advance(31)
        gate.close()
        verdict = step(other, lambda: rescue(other)).blocked()
    gate.open()
    states = verdict.result() | rescue(other)
    assert running_under_stopped_workers(jobs) == 0
    assert states == {job: "queued"}


def test_a_heartbeat_waits_for_the_verdict_and_is_told(jobs, other, clock, dying, step):
    job = jobs.running(dying)
    clock.advance(31)
    with other.transaction():
        assert [found.id for found in other.run(operations.lost())] == [job.id]
        beat = step(jobs, lambda: jobs.run(operations.heartbeat(dying, 30, "{}", "[]"))).blocked()
    assert beat.result() is None


def test_a_heartbeat_that_is_committing_is_not_overruled(jobs, other, clock, dying):
    clock.advance(31)
    with jobs.transaction():
        assert jobs.run(operations.heartbeat(dying, 30, "{}", "[]"))
        assert rescue(other) == {}
    assert rescue(other) == {}
    assert len(jobs.run(operations.workers())) == 1


def test_two_rescues_at_once_find_each_worker_once(jobs, other, clock, dying):
    job = jobs.running(dying)
    clock.advance(31)
    with jobs.transaction():
        assert rescue(jobs) == {job.id: "queued"}
        assert rescue(other) == {}
    assert jobs.get(job.id).crashes == 1


def test_a_finish_that_is_committing_is_not_undone_by_a_rescue(jobs, other, clock, dying, step):
    job = jobs.running(dying)
    clock.advance(31)
    with jobs.transaction():
        jobs.finish(job, result="1")
        verdict = step(other, lambda: rescue(other)).blocked()
    assert verdict.result() == {}
    assert jobs.state(job.id) == "succeeded"


def test_a_job_whose_cancellation_was_asked_for_is_rescued_into_its_end(jobs, clock, dying):
    job = jobs.running(dying)
    jobs.run(operations.cancel([job.id]))
    clock.advance(31)
    with jobs.transaction():
        states = rescue(jobs)
        assert jobs.run(operations.cancel_requested(states)) == {job.id}
    assert jobs.state(job.id) == "cancelled"


def test_reconciling_waits_for_a_claim_of_the_old_connection(jobs, other, worker, step):
    # A worker that lost its connection asks only after a heartbeat, which waits for the claim.
    job = jobs.add()
    with jobs.transaction():
        jobs.claim(worker)
        beat = step(
            other, lambda: other.run(operations.heartbeat(worker, 30, "{}", "[]"))
        ).blocked()
    assert beat.result()
    assert other.run(operations.reconcile(worker, [])) == {job}
