"""P6: a time of a schedule has one job, whoever fires it and however many do; and what edits it."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta

import psycopg
import pytest

from pgqueue import operations
from pgqueue.query import Query
from pgqueue.rows import FOREVER, Declaration
from pgqueue.schedules import as_json
from pgqueue.statements import statement
from pgqueue.turns import turn
from pgqueue.worker.control import Control
from pgqueue.worker.scheduler import Scheduler
from support.waiting import wait_for


@pytest.fixture
def add(jobs):
    """Adds a schedule that is due every second, and computes its next time."""

    def add(name="tick", task="add", schedule="every second", **about):
        jobs.run(operations.add_schedule(Declaration(name, task, schedule, **about)))
        fire(jobs)

    return add


def fire(jobs, name=None):
    """What a scheduler does in one transaction; returns how many jobs that made."""
    with jobs.transaction():
        due = jobs.run(operations.due_schedules(100, name))
        return jobs.run(operations.fire([turn(each) for each in due]))


def row(jobs, name="tick"):
    (found,) = jobs.run(operations.schedules(name))
    return found


def fires(jobs, name="tick"):
    return jobs.run(operations.fires(name, 1000))[::-1]


# ── what a time brings ───────────────────────────────────────────────────────────────────────


def test_a_schedule_is_fired_at_its_time_with_all_that_it_says(jobs, add, clock):
    added = clock.now()
    about = {"queue": "slow", "priority": 7, "expires_in": 30.0, "max_attempts": 4}
    add(args="[1]", kwargs='{"b": 2}', headers='{"trace": "t"}', **about)
    assert jobs.run(operations.next_tick()) == 1.0
    assert fire(jobs) == 0
    clock.advance(1.25)
    assert jobs.run(operations.next_tick()) == -0.25
    assert fire(jobs) == 1
    (found,) = fires(jobs)
    assert (found.fire_time, found.fired_at) == (added + timedelta(seconds=1), clock.now())
    job = jobs.get(found.job_id)
    assert (job.task, job.queue, job.priority, job.max_attempts) == ("add", "slow", 7, 4)
    assert (json.loads(job.args), json.loads(job.kwargs)) == ([1], {"b": 2})
    assert job.expires_at == clock.now() + timedelta(seconds=30)
    assert json.loads(job.headers)["trace"] == "t"
    assert json.loads(job.headers)["pgqueue"]["schedule"] == "tick"
    assert row(jobs).next_run_at == added + timedelta(seconds=2)
    assert (row(jobs).last_job_id, row(jobs).last_state) == (found.job_id, "queued")


def test_a_unique_task_has_one_job_for_all_times_that_it_is_held(jobs, add, clock):
    add(headers='{"pgqueue": {"unique": "the key"}}', catch_up=3)
    clock.advance(2)
    assert fire(jobs) == 1
    clock.advance(1)
    assert fire(jobs) == 0
    first, *others = fires(jobs)
    assert [each.job_id for each in others] == [None, None]
    assert jobs.run(operations.run_schedule("tick")) == first.job_id
    jobs.run(operations.cancel([first.job_id]))
    clock.advance(1)
    assert fire(jobs) == 1
    assert jobs.run(operations.run_schedule("tick")) == fires(jobs)[-1].job_id


def test_nothing_is_known_of_a_time_whose_transaction_is_undone(jobs, add, clock):
    add()
    clock.advance(1)
    with pytest.raises(ZeroDivisionError), jobs.transaction():
        due = jobs.run(operations.due_schedules(100))
        jobs.run(operations.fire([turn(each) for each in due]))
        raise ZeroDivisionError
    assert fires(jobs) == []
    assert fire(jobs) == 1


def test_sleepers_are_woken(jobs, add, clock, heard, connect):
    add()
    clock.advance(1)
    connect().execute("select pg_advisory_lock_shared(pgqueue.gate('default'))")
    heard()
    fire(jobs)
    assert heard() == ["pgqueue.jobs"]


def test_two_that_read_the_same_make_one_job(jobs, other, add, clock, step):
    """Even without the locks of `due_schedules`: a time is in the history once."""
    add()
    clock.advance(1)
    turns = [turn(each) for each in jobs.run(operations.due_schedules(100))]
    with jobs.transaction():
        assert jobs.run(operations.fire(turns)) == 1
        second = step(other, lambda: other.run(operations.fire(turns))).blocked()
    assert second.result() == 0
    assert len(fires(jobs)) == 1


def test_who_comes_second_passes_over_what_is_being_fired(jobs, other, add, clock):
    add()
    add("tock")
    clock.advance(1)
    with jobs.transaction():
        jobs.run(operations.due_schedules(100, "tick"))
        assert [each.name for each in other.run(operations.due_schedules(100))] == ["tock"]


def test_a_scheduler_that_froze_half_way_is_not_waited_for(jobs, other, add, clock, direct):
    add()
    clock.advance(1)
    with pytest.raises(psycopg.errors.IdleInTransactionSessionTimeout), other.transaction():
        other.run(operations.lead("schedules"))
        other.run(operations.due_schedules(100))
        wait_for(lambda: asyncio.run(fired(direct)) or fires(jobs), "the server to lose patience")
    assert len(fires(jobs)) == 1


def test_overlaps_are_told_from_the_live_job(jobs, add, clock, worker):
    add(overlap="queue")
    clock.advance(1)
    assert fire(jobs) == 1
    clock.advance(1)
    assert fire(jobs) == 0
    assert row(jobs).waiting_tick == clock.now()
    assert jobs.run(operations.next_tick()) == 1.0
    clock.advance(1)
    assert fire(jobs) == 0
    (claimed,) = jobs.claim(worker)
    jobs.finish(claimed)
    assert jobs.run(operations.next_tick()) == 0.0
    assert fire(jobs) == 1
    assert row(jobs).waiting_tick is None
    assert [each.job_id is None for each in fires(jobs)] == [False, False, True]


def test_what_is_not_due_is_not_read(jobs, connection):
    """Ten thousand of them cost a look into two indexes."""
    connection.execute(
        "insert into pgqueue.schedules (name, task, schedule, next_run_at) "
        "select n::text, 'add', '0 0 1 1 *', pgqueue.now() + interval '1 day' "
        "from generate_series(1, 10000) n"
    )
    connection.execute("analyze pgqueue.schedules")
    text = "explain (analyze, buffers, format json) "
    for query in (operations.next_tick(), operations.due_schedules(200)):
        with connection.transaction():
            ((plan,),) = connection.execute(text + statement(query.name), query.params).fetchall()
        blocks = plan[0]["Plan"]["Shared Hit Blocks"] + plan[0]["Plan"]["Shared Read Blocks"]
        assert blocks < 30, query.name


# ── many at it ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("led", "number"), [(True, 20), (False, 200)], ids=["with the lock", "without the lock"]
)
def test_five_schedulers_and_two_hundred_times_make_two_hundred_jobs(
    jobs, add, clock, direct, monkeypatch, led, number
):
    if not led:
        monkeypatch.setattr(operations, "lead", lambda _: Query("now", {}, bool))
    add()
    start = clock.now()

    async def race():
        controls = [Control(direct, "pgqueue", f"scheduler {n}") for n in range(5)]
        for control in controls:
            await control.connect()
        try:
            schedulers = [Scheduler(control, "test", "[]") for control in controls]
            for _ in range(number):
                clock.advance(1)
                await asyncio.gather(*(each.fire() for each in schedulers))
        finally:
            for control in controls:
                await control.close()

    asyncio.run(race())
    times = [start + timedelta(seconds=n) for n in range(1, number + 1)]
    assert [each.fire_time for each in fires(jobs)] == times
    assert jobs.value("select count(*) from pgqueue.jobs") == number


async def fired(direct, times=1):
    control = Control(direct, "pgqueue", "scheduler")
    await control.connect()
    try:
        for _ in range(times):
            await Scheduler(control, "test", "[]").fire()
    finally:
        await control.close()


def test_a_bad_schedule_is_reported_and_stops_no_other(jobs, add, clock, direct, connection):
    add()
    add("refused")
    for name, schedule, timezone in (
        ("unreadable", "every now and then", "UTC"),
        ("nowhere", "0 9 * * *", "Middle/Earth"),
    ):
        insert = "insert into pgqueue.schedules (name, task, schedule, timezone) values "
        connection.execute(insert + "(%s, 'add', %s, %s)", [name, schedule, timezone])
    connection.execute("alter table pgqueue.jobs_live add check (queue <> 'forbidden') not valid")
    jobs.run(operations.edit_schedule("refused", '{"queue": "forbidden"}'))
    clock.advance(1)
    asyncio.run(fired(direct, 2))
    assert len(fires(jobs)) == 1
    assert "five fields" in row(jobs, "unreadable").error
    assert "no such time zone" in row(jobs, "nowhere").error
    assert "violates check constraint" in row(jobs, "refused").error
    assert jobs.run(operations.edit_schedule("nowhere", '{"timezone": "Europe/Oslo"}'))
    fire(jobs)
    assert (row(jobs, "nowhere").error, bool(row(jobs, "nowhere").next_run_at)) == (None, True)


def test_replace_cancels_the_job_before_it(jobs, add, clock, direct):
    add(overlap="replace")
    for _ in range(2):
        clock.advance(1)
        asyncio.run(fired(direct))
    first, second = fires(jobs)
    assert (jobs.state(first.job_id), jobs.state(second.job_id)) == ("cancelled", "queued")


# ── declared, edited ─────────────────────────────────────────────────────────────────────────


def declare(jobs, *declared, source="shop"):
    return jobs.run(operations.declare_schedules(source, as_json(declared)))


def test_declared_schedules_are_added_changed_and_removed(jobs, clock):
    a, b = Declaration("a", "add", "every hour"), Declaration("b", "add", "0 9 * * *")
    assert declare(jobs, a, b) == [("a", "added"), ("b", "added")]
    fire(jobs)
    due = row(jobs, "a").next_run_at
    clock.advance(60)
    assert declare(jobs, a, b) == []
    assert declare(jobs, a._replace(queue="slow")) == [("a", "changed"), ("b", "removed")]
    assert (row(jobs, "a").queue, row(jobs, "a").next_run_at) == ("slow", due)
    assert declare(jobs, a._replace(schedule="every minute")) == [("a", "changed")]
    assert row(jobs, "a").next_run_at is None


def test_who_declares_what_is_there_waits_for_nobody_who_edits(jobs, other):
    declared = Declaration("a", "add", "every hour")
    declare(jobs, declared)
    with other.transaction():
        other.run(operations.edit_schedule("a", '{"queue": "slow"}'))
        jobs.connection.execute("set lock_timeout = '200ms'")
        assert declare(jobs, declared) == []


def test_what_is_there_is_kept_while_nothing_can_be_declared(jobs, other, add, clock, direct):
    add()
    declare(jobs, Declaration("a", "add", "every hour"))
    clock.advance(1)

    async def keep():
        control = Control(direct, "pgqueue", "scheduler")
        await control.connect()
        keeping = asyncio.ensure_future(Scheduler(control, "shop", "[]").serve())
        await asyncio.to_thread(wait_for, lambda: fires(jobs), "a fire")
        keeping.cancel()
        await control.close()

    with other.transaction():
        other.run(operations.edit_schedule("a", '{"queue": "slow"}'))  # which is to be removed
        asyncio.run(keep())
    assert row(jobs, "a").queue == "slow"


def test_what_others_declare_or_people_add_is_left_alone(jobs, add):
    add("mine")
    theirs = Declaration("theirs", "add", "every hour")
    declare(jobs, theirs, source="other")
    ours = Declaration("ours", "add", "every hour")
    said = declare(jobs, ours, theirs._replace(queue="x"), Declaration("mine", "add", "every day"))
    assert said == [("mine", "taken"), ("ours", "added"), ("theirs", "taken")]
    assert declare(jobs) == [("ours", "removed")]
    assert (row(jobs, "mine").source, row(jobs, "theirs").source) == (None, "other")
    assert row(jobs, "theirs").queue == "default"


def test_a_pause_and_an_edit_survive_a_deploy(jobs):
    declared = Declaration("a", "add", "every hour")
    declare(jobs, declared)
    jobs.run(operations.edit_schedule("a", '{"queue": "slow"}'))
    jobs.run(operations.pause_schedule("a"))
    assert declare(jobs, declared) == []
    assert (row(jobs, "a").queue, bool(row(jobs, "a").edited_at)) == ("slow", True)
    declare(jobs, declared._replace(task="mul"))
    changed = row(jobs, "a")
    assert (changed.task, changed.queue, changed.edited_at) == ("mul", "default", None)
    assert changed.paused_at is not None


def test_an_older_release_that_starts_anew_takes_nothing_back(jobs, clock):
    old, new = Declaration("a", "add", "every hour"), Declaration("a", "add", "every day")
    more = Declaration("b", "add", "every hour")
    declare(jobs, old)
    clock.advance(60)
    assert declare(jobs, new, more) == [("a", "changed"), ("b", "added")]
    clock.advance(30)
    assert declare(jobs, old) == []
    assert declare(jobs, new, more) == []
    clock.advance(60)
    assert declare(jobs, old) == []
    clock.advance(31)  # the newer release is gone: this was a roll-back
    assert declare(jobs, old) == [("a", "changed"), ("b", "removed")]


def test_a_paused_schedule_is_not_due_and_makes_up_for_nothing(jobs, add, clock):
    add()
    start = clock.now()
    assert jobs.run(operations.pause_schedule("tick"))
    assert jobs.run(operations.next_tick()) is None
    clock.advance(10.5)
    assert fire(jobs) == 0
    assert jobs.run(operations.resume_schedule("tick"))
    assert fire(jobs) == 0
    assert row(jobs).next_run_at == start + timedelta(seconds=11)  # in its phase


def test_run_schedule_enqueues_its_job_now(jobs, add, clock):
    add(queue="slow", args="[5]", max_attempts=FOREVER)
    job = jobs.run(operations.run_schedule("tick"))
    assert (jobs.get(job).queue, jobs.get(job).args) == ("slow", "[5]")
    assert [(each.job_id, each.fire_time) for each in fires(jobs)] == [(job, clock.now())]
    assert jobs.run(operations.run_schedule("nobody")) is None


def test_what_is_said_of_a_schedule_wakes_the_schedulers(jobs, add, heard):
    heard()
    for act in (
        lambda: add("new"),
        lambda: jobs.run(operations.edit_schedule("new", '{"queue": "x"}')),
        lambda: declare(jobs, Declaration("a", "add", "every hour")),
    ):
        act()
        assert heard() == ["pgqueue.control"]
    for name in ("pause_schedule", "resume_schedule", "remove_schedule"):
        assert jobs.run(getattr(operations, name)("new")) is True
        assert jobs.run(getattr(operations, name)("nobody")) is False
    assert jobs.run(operations.schedules("new")) == []


def test_nonsense_is_refused_in_words(jobs, add):
    with pytest.raises(psycopg.errors.InvalidParameterValue, match='no "next_run_at" to change'):
        add("a")
        jobs.run(operations.edit_schedule("a", '{"next_run_at": null}'))
    with pytest.raises(psycopg.errors.CheckViolation, match="overlap"):
        add("b", overlap="perhaps")
    with pytest.raises(psycopg.errors.UniqueViolation):
        add("a")


def test_fires_go_with_the_history(jobs, add, clock):
    add()
    clock.advance(1)
    fire(jobs)
    clock.advance(days=6)
    assert jobs.run(operations.prune_fires()) == 0
    clock.advance(days=2)
    keep = jobs.value("select max(keep) from pgqueue.retention")
    clock.advance(keep.total_seconds())
    assert jobs.run(operations.prune_fires()) == 1
