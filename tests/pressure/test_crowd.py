"""Workers that claim from the same head do not wait for each other."""

from __future__ import annotations

import pytest

from support.jobs import Jobs, Step
from support.waiting import wait_for

JOBS = 20
#: A statement has its snapshot when it asks for the time; here it then waits for the test.
HELD_NOW = """
    create or replace function pgqueue.now() returns timestamptz language plpgsql volatile as $$
    begin
        if current_setting('application_name') = 'held' then
            perform pg_advisory_lock_shared(1);
            perform pg_advisory_unlock_shared(1);
        end if;
        return clock_timestamp();
    end $$
"""


@pytest.fixture
def workers(connect):
    """Two workers on connections of their own, with the planner's settings of a worker."""
    both = [Jobs(connect(options="-c lock_timeout=10s")) for _ in range(2)]
    for jobs in both:
        jobs.plan_as_worker()
        jobs.id = jobs.register(lease=1e6)
    return both


def test_a_claim_passes_over_what_an_open_claim_holds_and_takes_what_follows(workers):
    one, two = workers
    added = [one.add() for _ in range(JOBS)]
    with one.transaction():
        first = one.claim_ids(one.id, limit=JOBS // 2)
        two.connection.execute("set lock_timeout = '1ms'")  # whoever waits at all fails
        second = two.claim_ids(two.id, limit=JOBS)
    assert first == added[: JOBS // 2]
    assert second == added[JOBS // 2 :]


def test_finishing_waits_for_no_open_claim(workers):
    one, two = workers
    for _ in range(JOBS):
        one.add()
    claimed = one.claim(one.id, limit=JOBS // 2)
    with two.transaction():
        assert len(two.claim(two.id, limit=JOBS)) == JOBS - len(claimed)
        one.connection.execute("set lock_timeout = '1ms'")
        assert len(one.finish(*claimed)) == len(claimed)


def test_finishing_waits_for_no_open_claim_that_began_before_its_own(workers, connect):
    one, two = workers
    connection, keeper = connect(), connect()
    connection.execute(HELD_NOW)
    for _ in range(JOBS):
        one.add()
    keeper.execute("select pg_advisory_lock(1)")
    two.connection.execute("set application_name = 'held'")
    two.connection.execute("begin")
    step = Step(two, connection, lambda: two.claim(two.id, limit=JOBS, untouched=True)).blocked()
    claimed = one.claim(one.id, limit=JOBS // 2)
    keeper.execute("select pg_advisory_unlock(1)")
    try:
        assert len(step.result()) == JOBS - len(claimed)
        one.connection.execute("set lock_timeout = '1s'")
        assert len(one.finish(*claimed)) == len(claimed)
    finally:
        step.wait()
        two.connection.execute("rollback")


def test_the_claims_of_two_workers_are_disjoint_and_complete(workers):
    one, two = workers
    added = {one.add() for _ in range(JOBS)}
    seen = []
    while len(seen) < JOBS:
        for jobs in workers:
            seen += jobs.claim_ids(jobs.id, limit=3)
    assert sorted(seen) == sorted(added)
    wait_for(lambda: not one.claim(one.id) and not two.claim(two.id), "nothing more")
