"""P4: whoever sleeps is woken by a commit; and nobody pays for a NOTIFY while nobody sleeps."""

from __future__ import annotations

import psycopg
import pytest

from pgqueue import operations
from support.jobs import Jobs


@pytest.fixture
def sleeper(connect):
    """A session that sleeps; `places` are what it waits for."""
    sleeper = Jobs(connect())
    sleeper.lie_down = lambda *places: sleeper.run(operations.lie_down(places))
    sleeper.get_up = lambda *places: sleeper.run(operations.get_up(places))
    return sleeper


def advisory_locks(jobs):
    return jobs.value("select count(*) from pg_locks where locktype = 'advisory'")


def by_python(jobs, **options):
    jobs.add(**options)


def by_sql(jobs, **options):
    names = ", ".join(f"{name} => %s" for name in options)
    jobs.connection.execute(
        f"select pgqueue.enqueue('add'{', ' if names else ''}{names})", list(options.values())
    )


both = pytest.mark.parametrize("enqueue", [by_python, by_sql])


@both
def test_an_enqueue_notifies_only_if_somebody_sleeps_at_its_queue(jobs, sleeper, heard, enqueue):
    enqueue(jobs)
    assert heard() == []
    assert sleeper.lie_down("default", "mail") == {"default", "mail"}
    enqueue(jobs, queue="other")
    assert heard() == []
    enqueue(jobs, queue="mail")
    assert heard() == ["pgqueue.jobs"]
    sleeper.get_up("default", "mail")
    enqueue(jobs, queue="mail")
    assert heard() == []


@both
def test_a_dead_sleeper_is_not_notified(jobs, sleeper, heard, enqueue):
    sleeper.lie_down("default")
    sleeper.connection.close()
    jobs.value("select true from pg_stat_activity limit 1")
    enqueue(jobs)
    heard()  # at most one too many, while its backend ends
    assert_no_lock_stays(jobs)


@both
def test_a_rolled_back_enqueue_wakes_nobody(jobs, sleeper, heard, enqueue):
    sleeper.lie_down("default")
    with jobs.transaction() as transaction:
        enqueue(jobs)
        raise psycopg.Rollback(transaction)
    assert heard() == []


@both
def test_many_enqueues_in_a_transaction_notify_once_at_its_commit(jobs, sleeper, heard, enqueue):
    sleeper.lie_down("default")
    with jobs.transaction():
        for _ in range(5):
            enqueue(jobs)
    assert heard() == ["pgqueue.jobs"]


@both
def test_notify_off_wakes_nobody(jobs, sleeper, heard, enqueue):
    sleeper.lie_down("default")
    enqueue(jobs, notify=False)
    assert heard() == []


def test_a_job_that_pollers_find_in_time_wakes_nobody(jobs, sleeper, heard):
    sleeper.lie_down("default")
    jobs.add(countdown=2.0)
    assert heard() == []
    jobs.add(countdown=1.9)
    assert heard() == ["pgqueue.jobs"]


def test_an_enqueue_that_changed_nothing_wakes_nobody(jobs, sleeper, heard):
    job = jobs.add()
    sleeper.lie_down("default")
    jobs.add(id=job, chosen=True)
    by_sql(jobs, id=job)
    assert heard() == []


@both
def test_looking_at_the_gate_leaves_no_lock_behind(jobs, enqueue):
    with jobs.transaction():
        enqueue(jobs)
        assert advisory_locks(jobs) == 0
    assert advisory_locks(jobs) == 0


@both
def test_a_look_past_a_sleeper_leaves_only_the_sleepers_lock(jobs, sleeper, enqueue):
    sleeper.lie_down("default")
    enqueue(jobs)
    assert advisory_locks(jobs) == 1


@pytest.mark.parametrize("asleep", [False, True])
def test_a_statement_that_fails_after_its_look_leaves_no_lock_behind(jobs, sleeper, asleep):
    if asleep:
        sleeper.lie_down("default")
    with pytest.raises(psycopg.errors.DivisionByZero):
        jobs.connection.execute(
            "select 1 / (n - n) from (select 1 as n, pgqueue.enqueue('add') offset 0) e"
        )
    with pytest.raises(psycopg.errors.DivisionByZero), jobs.transaction():
        jobs.add()
        jobs.connection.execute("select 1 / 0")
    assert advisory_locks(jobs) == int(asleep)


def test_sleepers_share_their_places(sleeper, connect):
    second = Jobs(connect())
    assert sleeper.lie_down("default") == {"default"}
    assert second.run(operations.lie_down(["default"])) == {"default"}


def test_lying_down_does_not_wait_for_somebody_who_looks(jobs, sleeper):
    # An enqueuer holds the lock for the length of one expression; here for longer.
    jobs.connection.execute("select pg_advisory_lock(pgqueue.gate('default'))")
    assert sleeper.lie_down("default", "mail") == {"mail"}


def test_two_lookers_may_refuse_each_other_but_both_go_on(jobs, other, heard):
    other.connection.execute("select pg_advisory_lock(pgqueue.gate('default'))")
    jobs.add()
    assert heard() == ["pgqueue.jobs"]


def assert_no_lock_stays(jobs):
    jobs.connection.execute("select pg_advisory_lock(pgqueue.gate('default'))")
    jobs.connection.execute("select pg_advisory_unlock(pgqueue.gate('default'))")
    assert advisory_locks(jobs) == 0


def test_results_are_announced_only_to_those_who_wait_for_them(jobs, worker, sleeper, heard):
    jobs.finished(worker)
    assert heard() == []
    sleeper.lie_down("")
    first, second, third, fourth = (jobs.running(worker) for _ in range(4))
    jobs.finish(first, second)
    assert heard() == ["pgqueue.results"]
    jobs.crash(third, max_crashes=1)
    assert heard() == ["pgqueue.results"]
    jobs.run(operations.cancel([jobs.add()]))
    assert heard() == ["pgqueue.results"]
    jobs.finish(first)
    jobs.crash(fourth)
    assert heard() == []


def test_a_resumed_queue_wakes_its_workers(jobs, sleeper, heard):
    jobs.run(operations.pause("default"))
    sleeper.lie_down("default")
    jobs.run(operations.resume("default"))
    assert heard() == ["pgqueue.jobs"]


def test_jobs_that_run_again_wake_the_workers_of_their_queues(jobs, worker, sleeper, heard):
    job = jobs.finished(worker)
    sleeper.lie_down("default")
    jobs.run(operations.requeue([job]))
    assert heard() == ["pgqueue.jobs"]


@pytest.mark.parametrize("give_back", ["crash", "suspect"])
def test_jobs_of_a_dead_process_wake_whoever_can_run_them_now(
    jobs, worker, sleeper, heard, give_back
):
    first, second = jobs.running(worker), jobs.running(worker)
    getattr(jobs, give_back)(first)
    assert heard() == []
    sleeper.lie_down("default")
    getattr(jobs, give_back)(second)
    assert heard() == ["pgqueue.jobs"]


def test_a_ping_reaches_whoever_listens(jobs, clock, heard):
    assert jobs.run(operations.ping()) == clock.now()
    assert heard() == ["pgqueue.control"]
