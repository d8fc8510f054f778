"""P4: a worker whose session ended has a moment to come back; one that only lost it comes back."""

from __future__ import annotations

import os
import signal
from datetime import timedelta

import psycopg
import pytest

from pgqueue import operations
from pgqueue.migrate import migrate
from pgqueue.rows import Watch
from support.jobs import Jobs
from support.plans import explain
from support.servers import Server
from support.waiting import wait_for

GRACE = 1.5


def hold(jobs, worker):
    return jobs.run(operations.hold_lifeline(worker))


def beat(jobs, worker, lifeline=None):
    return bool(jobs.run(operations.heartbeat(worker, 30.0, "{}", "[]", lifeline=lifeline)))


def watch(jobs, watcher=0):
    return jobs.run(operations.watch(watcher, GRACE))


def ends(jobs, worker):
    return jobs.value("select expires_at from pgqueue.workers where id = %s", worker)


@pytest.fixture
def attached(jobs, connect, clock):
    """Registers workers with a session each: `attached(name)` returns id and session."""

    def attach(name="w"):
        session = Jobs(connect())
        worker = session.register(name, lease=30)
        assert beat(session, worker, hold(session, worker))
        return worker, session

    return attach


@pytest.fixture
def die(jobs):
    """Ends a session, and waits until the server has forgotten it."""
    alive = "select count(*) from pg_stat_activity where pid = %s"

    def die(session):
        pid = session.connection.info.backend_pid
        session.connection.close()
        wait_for(lambda: jobs.value(alive, pid) == 0, f"backend {pid} to end")

    return die


def test_who_lets_go_of_its_lifeline_has_a_moment_left(jobs, clock, attached, die):
    (dead, session), (alive, _) = attached("dead"), attached("alive")
    assert watch(jobs) == Watch(False, [], 2)
    die(session)
    assert watch(jobs) == Watch(False, ["dead"], 2)
    assert ends(jobs, dead) == clock.now() + timedelta(seconds=GRACE)
    assert ends(jobs, alive) == clock.now() + timedelta(seconds=30)


def test_the_moment_is_given_once_and_then_the_worker_is_overdue(jobs, clock, attached, die):
    dead, session = attached()
    die(session)
    watch(jobs)
    clock.advance(1)
    assert watch(jobs) == Watch(False, [], 1)
    clock.advance(0.501)
    assert watch(jobs) == Watch(True, [], 1)
    jobs.run(operations.lost())
    assert watch(jobs) == Watch(False, [], 0)
    assert beat(jobs, dead) is False


def test_a_heartbeat_over_a_new_session_gives_the_whole_lease_back(
    jobs, other, clock, attached, die
):
    worker, session = attached()
    die(session)
    watch(jobs)
    lifeline = hold(other, worker)
    assert lifeline
    assert beat(other, worker, lifeline)
    assert ends(jobs, worker) == clock.now() + timedelta(seconds=30)
    assert watch(jobs) == Watch(False, [], 1)


def test_who_never_held_a_lifeline_is_judged_by_its_lease_alone(jobs, clock):
    worker = jobs.register(lease=30)
    beat(jobs, worker)
    assert watch(jobs) == Watch(False, [], 1)
    assert ends(jobs, worker) == clock.now() + timedelta(seconds=30)


def test_who_stopped_by_itself_is_not_judged(jobs, attached, die):
    worker, session = attached()
    session.run(operations.stop(worker))
    die(session)
    assert watch(jobs) == Watch(False, [], 0)


def test_a_lease_that_ends_sooner_is_not_lengthened(jobs, clock, attached, die):
    dead, session = attached()
    clock.advance(29)
    before = ends(jobs, dead)
    die(session)
    assert watch(jobs).fallen == []
    assert ends(jobs, dead) == before


def test_a_watcher_does_not_judge_itself(clock, attached):
    # In its own session the lock is to be had for the asking.
    worker, session = attached()
    assert watch(session, worker).fallen == []
    clock.advance(31)
    assert watch(session, worker) == Watch(False, [], 1)
    assert session.run(operations.lost(worker)) == []
    assert beat(session, worker)


def test_a_watcher_finds_others_overdue_and_rescues_them(jobs, clock, attached):
    watcher, session = attached("watcher")
    dead = jobs.register("dead", lease=30)
    job = jobs.running(dead)
    clock.advance(31)
    assert watch(session, watcher) == Watch(True, [], 2)
    assert [found.id for found in session.run(operations.lost(watcher))] == [job.id]


def test_a_lifeline_of_another_life_of_the_server_says_nothing(jobs, clock, attached, die):
    worker, session = attached()
    beat(session, worker, "another")
    die(session)
    assert watch(jobs) == Watch(False, [], 1)
    assert ends(jobs, worker) == clock.now() + timedelta(seconds=30)


def test_of_two_watchers_one_judges_and_none_waits(jobs, other, attached, die):
    _, session = attached("dead")
    die(session)
    other.connection.execute("set lock_timeout = 1")
    with jobs.transaction():
        assert watch(jobs).fallen == ["dead"]
        assert watch(other).fallen == []
    assert watch(other).fallen == []


def test_a_worker_that_says_so_at_this_instant_is_passed_over(jobs, other, attached, clock, die):
    worker, session = attached()
    die(session)
    jobs.connection.execute("set lock_timeout = 1")
    with other.transaction():
        beat(other, worker)
        assert watch(jobs).fallen == []
    assert watch(jobs) == Watch(False, [], 1)
    assert ends(jobs, worker) == clock.now() + timedelta(seconds=30)


def test_who_comes_back_while_it_is_looked_at_has_its_lease_and_no_lifeline(
    jobs, other, clock, attached, die, step
):
    worker, session = attached()
    die(session)
    with jobs.transaction():
        assert watch(jobs).fallen
        assert hold(other, worker) is None
        back = step(other, lambda: beat(other, worker)).blocked()
    assert back.result()
    assert ends(jobs, worker) == clock.now() + timedelta(seconds=30)
    assert watch(jobs).fallen == []


def test_a_session_that_hangs_on_keeps_the_lifeline_from_the_next(other, attached):
    worker, _ = attached()
    assert hold(other, worker) is None


def test_an_id_that_is_registered_anew_has_a_lifeline_of_its_own(jobs, attached, die):
    worker, session = attached("w")
    jobs.run(operations.stop(worker))
    again = session.register("w", lease=30)
    lifeline = hold(session, again)
    assert lifeline
    assert beat(session, again, lifeline)
    assert watch(jobs) == Watch(False, [], 1)
    die(session)
    assert watch(jobs).fallen == ["w"]


def test_watching_writes_nothing_as_long_as_everybody_is_well(jobs, attached):
    attached(), attached()
    with jobs.transaction():
        watch(jobs)
        assert jobs.value("select pg_current_xact_id_if_assigned() is null")


def test_watching_looks_at_none_of_those_that_stopped_long_ago(connection, jobs):
    jobs.plan_as_worker()
    plan = explain(connection, operations.watch(1, GRACE))
    assert plan.count("Scan using workers_living on workers") == 2
    assert "Seq Scan on workers" not in plan


@pytest.fixture
def fragile(server):
    """A server of its own, which may be broken: its DSN."""
    own = Server(server.binaries)
    own.start()
    try:
        with psycopg.connect(own.dsn(), autocommit=True) as connection:
            migrate(connection)
        yield own.dsn()
    finally:
        own.stop()


def test_the_crash_of_a_session_begins_another_life_of_the_server(fragile):
    def incarnation():
        try:
            with psycopg.connect(fragile, autocommit=True) as connection:
                return connection.execute("select pgqueue.incarnation()").fetchone()[0]
        except psycopg.OperationalError:  # it recovers
            return None

    before = incarnation()
    assert before
    assert incarnation() == before
    with psycopg.connect(fragile) as victim:
        os.kill(victim.info.backend_pid, signal.SIGKILL)
        wait_for(lambda: incarnation() not in (None, before), "another life", 30)
