"""History is kept per outcome and day, and goes by the day, as pgqueue.retention says."""

from __future__ import annotations

from datetime import timedelta

import psycopg
import pytest

from pgqueue import operations
from pgqueue.migrate import DAYS_AHEAD

STATES = ("succeeded", "failed", "cancelled")


def create(jobs, days_ahead=DAYS_AHEAD):
    return jobs.run(operations.create_partitions(days_ahead))


def drop(jobs):
    return jobs.run(operations.drop_partitions())


def days(jobs, state):
    found = jobs.connection.execute(
        "select right(inhrelid::regclass::text, 8) from pg_inherits "
        "where inhparent = %s::regclass and inhrelid::regclass::text !~ 'default' order by 1",
        [f"pgqueue.jobs_{state}"],
    )
    return [row[0] for row in found]


def names(clock, *offsets):
    return [f"{clock.now() + timedelta(days=offset):%Y%m%d}" for offset in offsets]


def keep(jobs, **spans):
    for state, span in spans.items():
        jobs.connection.execute(
            "update pgqueue.retention set keep = %s where state = %s::pgqueue.job_state",
            [span, state],
        )


@pytest.mark.parametrize("state", STATES)
def test_a_migrated_schema_has_todays_partitions_and_the_next_days(jobs, clock, state):
    assert days(jobs, state) == names(clock, 0, 1, 2, 3)


def test_what_is_large_is_compressed_by_lz4_in_every_partition_of_today_and_later(jobs, clock):
    (methods,) = jobs.connection.execute(
        "select enumvals from pg_settings where name = 'default_toast_compression'"
    ).fetchone()
    lz4 = "l" if "lz4" in methods else ""  # the embedded server is built without it
    clock.advance(days=1)
    create(jobs)
    methods = jobs.connection.execute(
        "select distinct attname, attcompression from pg_attribute "
        "join pg_partition_tree('pgqueue.jobs') on relid = attrelid "
        "where attnum > 0 and atttypid in ('text'::regtype, 'jsonb'::regtype) "
        "and attname <> all (array['queue', 'task', 'limit_key'])"
    ).fetchall()
    large = ("args", "kwargs", "headers", "result", "error", "traceback", "past_errors")
    assert sorted(methods) == sorted((name, lz4) for name in large)


def test_only_what_is_missing_is_made(jobs, clock):
    assert create(jobs) == 0
    clock.advance(days=1)
    assert create(jobs) == 3
    assert create(jobs) == 0
    assert days(jobs, "failed") == names(clock, -1, 0, 1, 2, 3)


def test_days_are_utc_days_wherever_the_session_is(jobs, clock):
    jobs.connection.execute("set timezone to 'Pacific/Auckland'")
    assert create(jobs) == 0
    clock.advance(days=10)
    create(jobs, 0)
    assert days(jobs, "failed")[-1:] == names(clock, 0)
    jobs.connection.execute("set timezone to 'utc'")
    bound = jobs.value(
        "select pg_get_expr(relpartbound, oid) from pg_class where relname = %s",
        f"jobs_failed_{names(clock, 0)[0]}",
    )
    midnight = clock.now().replace(hour=0, tzinfo=None)
    ends = f"('{midnight}+00') TO ('{midnight + timedelta(days=1)}+00')"
    assert bound == f"FOR VALUES FROM {ends}"


@pytest.mark.parametrize("state", STATES)
def test_partitions_have_the_indexes_of_their_outcome(jobs, clock, state):
    clock.advance(days=10)
    create(jobs, 0)
    indexed = jobs.value(
        "select array_agg(indexdef order by indexdef) from pg_indexes where tablename = %s",
        f"jobs_{state}_{names(clock, 0)[0]}",
    )
    assert [text.partition("USING btree ")[2] for text in indexed] == [
        "(id)",
        "(root_id) WHERE (root_id IS NOT NULL)",
    ]


def test_a_day_whose_jobs_strayed_into_the_default_partition_is_left_alone(jobs, clock, worker):
    clock.advance(days=10)
    job = jobs.finished(worker)
    assert jobs.run(operations.strays()) == [("succeeded", 1)]
    assert create(jobs, 0) == 2
    assert days(jobs, "succeeded")[-1:] != names(clock, 0)
    assert days(jobs, "failed")[-1:] == names(clock, 0)
    assert create(jobs, 1) == 3
    assert jobs.state(job) == "succeeded"


def test_missing_days_are_told(jobs, clock):
    assert all(there for *_, there in jobs.run(operations.partitions()))
    clock.advance(days=DAYS_AHEAD)
    rows = jobs.run(operations.partitions())
    assert {(day, there) for _, day, there in rows} == {
        (f"{clock.now():%Y-%m-%d}", True),
        (f"{clock.now() + timedelta(days=1):%Y-%m-%d}", False),
    }
    assert {outcome for outcome, *_ in rows} == set(STATES)


def test_partitions_are_made_beside_workers_that_finish_jobs(jobs, other, clock, worker):
    job = jobs.running(worker)
    other.connection.execute("set lock_timeout = '2s'")
    with jobs.transaction():
        jobs.finish(job)
        other.run(operations.create_partitions(DAYS_AHEAD + 1))
    assert days(jobs, "succeeded") == names(clock, 0, 1, 2, 3, 4)


def test_two_who_make_partitions_at_once_both_end_well(jobs, other, clock, step):
    # migrate does not take the duty's lock, and two migrators may meet here.
    clock.advance(days=1)
    with jobs.transaction():
        assert create(jobs) == 3
        second = step(other, lambda: create(other)).blocked()
    assert second.result() == 0
    assert days(jobs, "succeeded") == names(clock, -1, 0, 1, 2, 3)


def test_two_who_drop_partitions_at_once_both_end_well(jobs, other, clock, step):
    clock.advance(days=30)
    with jobs.transaction():
        assert len(drop(jobs)) == 12
        second = step(other, lambda: drop(other)).blocked()
    second.result()
    assert days(jobs, "failed") == []


def test_by_default_successes_are_kept_a_day_and_the_others_two_weeks(jobs):
    day = 86400.0
    kept = {"succeeded": day, "failed": 14 * day, "cancelled": 14 * day}
    assert jobs.run(operations.retention()) == kept


def test_a_day_is_dropped_when_its_last_instant_has_been_kept_long_enough(jobs, clock, worker):
    job = jobs.finished(worker)
    midnight = clock.now().replace(hour=0) + timedelta(days=1)
    (today,) = names(clock, 0)
    clock.set(midnight + timedelta(days=1, microseconds=-1))
    assert drop(jobs) == set()
    assert jobs.state(job) == "succeeded"
    clock.set(midnight + timedelta(days=1))
    assert drop(jobs) == {f"jobs_succeeded_{today}"}
    assert jobs.get(job) is None
    assert drop(jobs) == set()


def test_each_outcome_is_kept_as_long_as_retention_says(jobs, clock, worker):
    ids = {state: jobs.finished(worker, state) for state in STATES}
    (today,) = names(clock, 0)
    keep(jobs, succeeded="30 days", failed="2 days", cancelled="12 hours")
    clock.advance(days=1)
    assert drop(jobs) == {f"jobs_cancelled_{today}"}
    clock.advance(days=2)
    assert f"jobs_failed_{today}" in drop(jobs)
    clock.advance(days=20)
    drop(jobs)
    assert {state for state in STATES if jobs.get(ids[state])} == {"succeeded"}


def test_keeping_nothing_keeps_the_day_that_is_not_over(jobs, clock, worker):
    keep(jobs, succeeded="0")
    job = jobs.finished(worker)
    assert drop(jobs) == set()
    assert jobs.state(job) == "succeeded"
    clock.advance(days=1)
    assert len(drop(jobs)) == 1


def test_a_span_below_zero_is_refused(jobs):
    with pytest.raises(psycopg.errors.CheckViolation):
        keep(jobs, failed="-1 day")


def test_strays_go_when_their_time_has_come(jobs, clock, worker):
    clock.advance(days=10)
    job = jobs.finished(worker)
    clock.advance(days=1)
    drop(jobs)
    assert jobs.state(job) == "succeeded"
    clock.advance(0.001)
    drop(jobs)
    assert jobs.get(job) is None


def test_live_jobs_are_never_dropped(jobs, clock, worker):
    queued, running = jobs.add(countdown=60), jobs.running(worker)
    clock.advance(days=400)
    assert drop(jobs)
    assert (jobs.state(queued), jobs.state(running.id)) == ("queued", "running")


def test_finishing_goes_on_after_every_day_was_dropped(jobs, clock, worker):
    clock.advance(days=400)
    drop(jobs)
    assert days(jobs, "failed") == []
    job = jobs.finished(worker, "failed")
    assert create(jobs) == 11
    assert jobs.state(job) == "failed"


@pytest.mark.parametrize("act", [operations.create_partitions(9), operations.drop_partitions()])
def test_upkeep_steps_back_from_locks_that_others_hold(jobs, other, clock, act):
    jobs.connection.execute("begin; select from pgqueue.jobs")  # a report that takes its time
    clock.advance(days=400)
    with pytest.raises(psycopg.errors.LockNotAvailable), other.transaction():
        assert other.run(operations.lead("partitions")) is True
        other.run(act)
    jobs.connection.execute("rollback")
    other.run(act)


def test_a_duty_has_one_leader_until_its_transaction_ends(jobs, other):
    with jobs.transaction():
        assert jobs.run(operations.lead("rescue")) is True
        assert other.run(operations.lead("rescue")) is False
        assert other.run(operations.lead("prune")) is True
    assert other.run(operations.lead("rescue")) is True
    assert other.value("show lock_timeout") == "20s"
