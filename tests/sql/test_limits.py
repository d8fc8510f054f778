"""Limits: how many jobs of a key run at once, and how often one starts, whoever lets them in."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

import pytest

from pgqueue import operations
from pgqueue.allowance import Allowance
from pgqueue.identifiers import uuid7
from pgqueue.rows import NewJob, Retried

TWO = Allowance(max_concurrency=2)
SERIAL = Allowance(max_concurrency=1)


@pytest.fixture
def add(jobs):
    """Enqueues so many jobs with limits, oldest first; returns their ids."""

    def add(count, allowance=TWO, *, key=None, task="add", **options):
        args = "[]" if key is None else f'["{key}"]'
        if key is not None:
            allowance = allowance._replace(key_name="key", key_place=0)
        new = [
            NewJob(uuid7(), task, args, "{}", allowance=allowance, **options) for _ in range(count)
        ]
        jobs.run(operations.enqueue_many(new, wake=False))
        return [str(job.id) for job in new]

    return add


@pytest.fixture
def let_in(jobs, worker):
    """Lets jobs in as a worker does; returns them."""

    def let_in(limit=100, *, freed=(), on=jobs, worker=worker, queues=("default",), rates=True):
        asked = operations.claim_limited(worker, queues, ["add"], limit, freed, rates=rates)
        return on.run(asked)

    return let_in


def ids(claimed):
    return [job.id for job in claimed]


def due(jobs):
    return jobs.run(operations.limits_due(["default"])).seconds


def test_no_more_jobs_of_a_key_run_than_it_allows(jobs, add, let_in):
    first, second, *rest = add(5)
    let = let_in()
    assert ids(let) == [first, second]
    assert let_in() == []
    jobs.finish(let[0])
    assert ids(let_in(freed=["add"])) == [rest[0]]


def test_plain_claims_meet_no_limited_job(jobs, add, worker):
    add(3)
    assert jobs.claim(worker) == []


def test_who_is_let_in_knows_when_it_was_to_run_and_expires_as_others_do(jobs, add, let_in, clock):
    add(1)
    late = add(1, countdown=60, expires_in=90)
    due = clock.now() + timedelta(seconds=60)
    clock.advance(70)
    plain, timed = let_in()
    assert (ids([timed]), plain.times) == (late, None)
    left, expires, eta = json.loads(timed.times)
    assert (left, *map(datetime.fromisoformat, (expires, eta))) == (
        20.0,
        due + timedelta(seconds=30),
        due,
    )


def test_keys_are_told_apart_by_an_argument(jobs, add, let_in):
    a, b = add(3, key="a"), add(3, key="b")
    let = let_in()
    assert sorted(ids(let)) == sorted(a[:2] + b[:2])
    assert {job.limit_key for job in let} == {"add:a", "add:b"}


@pytest.mark.parametrize(
    ("args", "kwargs", "key"),
    [
        ("[1]", "{}", "add:1"),
        ("[]", '{"key": "x"}', "add:x"),
        ('[{"$uuid": "0198"}]', "{}", "add:0198"),
        ("[true]", "{}", "add:true"),
        ("[null]", "{}", "add"),
        ("[]", "{}", "add"),
        ('[{"a": 1, "b": 2}]', "{}", 'add:{"a": 1, "b": 2}'),
    ],
)
def test_a_key_is_the_text_of_a_value(jobs, args, kwargs, key):
    call = "select pgqueue.limit_key('add', %s, %s, null, 'key', 0)"
    assert jobs.value(call, args, kwargs) == key


def test_order_within_a_key_is_kept_and_priorities_come_first(jobs, add, let_in):
    add(2, SERIAL, countdown=5)
    slow = add(2, SERIAL)
    fast = add(1, SERIAL, priority=9)
    order = []
    for _ in range(3):
        (job,) = let_in(freed=["add"])
        order.append(job.id)
        jobs.finish(job)
    assert order == fast + slow
    assert let_in(freed=["add"]) == []


def test_what_is_scheduled_is_let_in_at_its_time(jobs, add, let_in, clock):
    (job,) = add(1, countdown=60)
    assert due(jobs) == 0  # it has just arrived
    assert let_in() == []
    assert due(jobs) == pytest.approx(60)
    clock.advance(60)
    assert ids(let_in()) == [job]


@pytest.mark.parametrize("how", ["finish", "retry", "release", "crash", "suspect", "cancel"])
def test_whatever_ends_a_run_frees_its_place(jobs, add, let_in, how):
    first, second = add(2, SERIAL)
    (job,) = let_in()
    if how == "cancel":
        jobs.run(operations.cancel([first]))
        jobs.finish(job, state="cancelled")
    else:
        getattr(jobs, how)(job)
    expected = first if how in ("retry", "release", "crash", "suspect") else second
    assert ids(let_in(freed=["add"])) == [expected]
    assert let_in(freed=["add"]) == []


def test_a_job_that_is_tried_again_waits_for_its_time_and_keeps_its_limits(
    jobs, add, let_in, clock, worker
):
    (first,) = add(1, SERIAL)
    (job,) = let_in()
    jobs.retry(job, countdown=30)
    assert let_in(freed=["add"]) == jobs.claim(worker) == []
    assert due(jobs) == pytest.approx(30)
    clock.advance(30)
    assert ids(let_in()) == [first]


def test_a_retry_into_another_queue_is_parked_there(jobs, add, let_in):
    (first,) = add(1, SERIAL)
    (job,) = let_in()
    moved = Retried(job.id, job.claim, 0.0, "e", queue="other")
    jobs.run(operations.retry([moved]))
    assert jobs.run(operations.park(["other"], {"add": SERIAL})) == 1
    assert ids(let_in(queues=["other"])) == [first]


def test_a_key_is_forgotten_when_it_has_no_jobs_any_more(jobs, add, let_in, clock):
    add(1)
    (job,) = let_in()
    assert let_in(freed=["add"]) == []
    jobs.finish(job)
    assert due(jobs) == pytest.approx(1)
    assert let_in(freed=["add"]) == []
    for table in ("limits", "lines", "arrivals"):
        assert jobs.value(f"select count(*) from pgqueue.{table}") == 0
    assert due(jobs) is None


def test_a_place_that_nobody_told_of_is_found_within_a_second(jobs, add, let_in, clock):
    _, second = add(2, SERIAL)
    (job,) = let_in()
    assert let_in() == []
    jobs.finish(job)
    assert due(jobs) == pytest.approx(1)
    clock.advance(1)
    assert ids(let_in()) == [second]


def test_who_lets_in_waits_for_nobody_and_two_let_in_no_more_than_one(
    jobs, other, add, let_in, worker
):
    add(5)
    let_in(0)  # the arrivals are absorbed
    with jobs.transaction():
        assert len(let_in(1)) == 1
        assert let_in(5, on=other) == []
    assert len(let_in(5, on=other)) == 1


def test_a_finish_that_is_not_committed_frees_nothing_and_the_next_look_is_not_put_off(
    jobs, other, add, let_in
):
    _, second = add(2, SERIAL)
    (job,) = let_in()
    with jobs.transaction():
        jobs.finish(job)
        assert let_in(on=other) == []
        assert ids(let_in(freed=["add"])) == [second]


def test_who_frees_a_place_waits_for_who_just_looks(jobs, other, add, let_in, step):
    """Else that one, which does not see the place yet, would put the next look off."""
    _, second = add(2, SERIAL)
    (job,) = let_in()
    jobs.connection.execute("update pgqueue.lines set next_at = pgqueue.now()")
    with other.transaction():
        assert let_in(on=other) == []

        def end():
            with jobs.transaction():
                jobs.finish(job)
                return ids(let_in(freed=["add"]))

        ending = step(jobs, end).blocked()
    assert ending.result() == [second]


def test_a_zombie_has_no_place_and_its_job_counts_once(jobs, other, add, let_in, clock):
    first, second, _ = add(3)
    zombie = let_in()
    jobs.connection.execute("update pgqueue.workers set expires_at = '-infinity'")
    rescuer = jobs.register("rescuer", lease=1e9)
    lost = jobs.run(operations.lost(rescuer))
    assert len(lost) == 2
    jobs.run(operations.crash(lost, "WorkerLost", 3))
    let = let_in(worker=rescuer, freed=["add"])
    assert ids(let) == [first, second]
    assert jobs.finish(*zombie) == set()
    assert let_in(worker=rescuer, freed=["add"]) == []


def test_a_worker_whose_lease_is_over_lets_nothing_in(jobs, add, let_in):
    (first, _) = add(2, SERIAL)
    jobs.connection.execute("update pgqueue.workers set expires_at = '-infinity'")
    assert let_in() == []
    fresh = jobs.register("fresh", lease=1e9)
    assert ids(let_in(worker=fresh)) == [first]


def test_a_paused_queue_lets_nothing_in(jobs, add, let_in):
    (first,) = add(1)
    jobs.run(operations.pause("default"))
    assert let_in() == []
    assert due(jobs) is None
    jobs.run(operations.resume("default"))
    assert ids(let_in()) == [first]


def test_slots_go_round_between_keys(jobs, add, let_in, clock):
    fair = Allowance()
    add(100, fair, key="large")
    small = add(4, fair, key="small")
    assert [job.limit_key for job in let_in(8)].count("add:small") == 4
    assert small
    add(100, fair, key="other")
    turns = []
    while len(turns) < 6:
        clock.advance(0.001)
        turns += [job.limit_key for job in let_in(1)]
    assert turns.count("add:large") == turns.count("add:other") == 3


def test_two_queues_of_a_task_share_its_limit(jobs, add, let_in):
    add(3)
    add(3, queue="other")
    both = ("default", "other")
    let = [job for _ in range(3) for job in let_in(queues=both)]
    assert len(let) == 2
    jobs.finish(*let)
    more = let_in(queues=both, freed=["add"]) + let_in(queues=both)
    assert len(more) == 2


# ── rates ──


def starts(jobs, let_in, clock, seconds, step=0.5):
    """Let in whatever may start, for so long; return when each started."""
    begun, at = [], 0.0
    while at <= seconds:
        for job in let_in(freed=["add"]):
            begun.append(at)
            jobs.finish(job)
        clock.advance(step)
        at += step
    return begun


def test_a_rate_spreads_the_starts(jobs, add, let_in, clock):
    add(30, Allowance(rate_limit="10/m"))
    assert starts(jobs, let_in, clock, 30) == [0, 6, 12, 18, 24, 30]


def test_a_burst_may_come_at_once_and_no_more_than_that(jobs, add, let_in, clock):
    add(30, Allowance(rate_limit="10/m", rate_burst=3))
    assert starts(jobs, let_in, clock, 24) == [0, 0, 0, 6, 12, 18, 24]
    clock.advance(18)
    assert len(let_in()) == 3  # the burst has come back


def test_a_rate_is_met_to_the_moment(jobs, add, let_in, clock):
    add(3, Allowance(rate_limit="10/m"))
    let_in()
    assert due(jobs) == pytest.approx(6)
    clock.advance(5.999)
    assert let_in() == []
    clock.advance(0.001)
    assert len(let_in()) == 1


def test_a_rate_outlives_the_jobs_of_its_key(jobs, add, let_in, clock):
    rate = Allowance(rate_limit="1/h")
    add(1, rate)
    jobs.finish(*let_in())
    clock.advance(1800)
    let_in(freed=["add"])
    add(1, rate)
    assert let_in() == []
    clock.advance(1800)
    assert len(let_in()) == 1


def test_what_was_said_while_everything_runs_is_in_force_at_once(jobs, add, let_in, clock):
    add(9, Allowance(rate_limit="1/h"))
    assert len(let_in()) == 1
    jobs.run(operations.set_rate_limit("add", "10/m"))
    jobs.connection.execute("update pgqueue.lines set next_at = pgqueue.now()")
    assert let_in() == []
    clock.advance(6)
    assert len(let_in()) == 1
    jobs.run(operations.set_rate_limit("add", None))
    clock.advance(6)
    assert len(let_in()) == 7


def test_rates_can_be_left_out_of_account(jobs, add, let_in):
    add(5, Allowance(rate_limit="1/h", max_concurrency=3))
    assert len(let_in(rates=False)) == 3


def test_a_clock_that_is_set_back_holds_nobody_up_for_long(jobs, add, let_in, clock):
    add(5, Allowance(rate_limit="10/m"))
    let_in()
    clock.advance(-3600)
    jobs.connection.execute("update pgqueue.jobs_live set due_at = pgqueue.now()")
    jobs.connection.execute("update pgqueue.lines set next_at = pgqueue.now()")
    let_in()
    clock.advance(6)
    jobs.connection.execute("update pgqueue.lines set next_at = pgqueue.now()")
    assert len(let_in()) == 1


@pytest.mark.parametrize(
    ("rate", "seconds"),
    [
        ("10/m", 6),
        ("5/s", 0.2),
        ("100/h", 36),
        ("2.5", 0.4),
        ("3/s", 0.333334),
        ("0/m", None),
        ("often", None),
        ("-1/m", None),
        ("0." + "0" * 30 + "1", 3.2e7),
        ("9" * 20, 0.000001),
    ],
)
def test_a_rate_is_a_time_between_starts_and_never_too_short(jobs, rate, seconds):
    found = jobs.value("select pgqueue.rate_interval(%s)", rate)
    assert (found and found.total_seconds()) == seconds


# ── parking ──


def test_jobs_whose_sender_knows_no_limit_are_parked_by_workers(jobs, let_in, worker, clock):
    for _ in range(3):
        jobs.add()
    jobs.add("other")
    jobs.add(countdown=60)
    limited = {"add": TWO}
    assert jobs.run(operations.park(["default"], limited)) == 3
    assert jobs.run(operations.park(["default"], limited)) == 0
    assert len(let_in()) == 2
    assert [job.task for job in jobs.claim(worker, tasks=["add", "other"])] == ["other"]


def test_parking_looks_no_further_than_the_head_of_a_lane(jobs):
    for _ in range(5):
        jobs.add()
    assert jobs.run(operations.park(["default"], {"add": TWO}, limit=2)) == 2


def test_an_enqueue_that_was_sent_before_changes_nothing(jobs, let_in):
    job = NewJob(uuid7(), "add", "[]", "{}", chosen=True, allowance=TWO)
    assert jobs.run(operations.enqueue(job)) is True
    assert jobs.run(operations.enqueue(job)) is False
    (claimed,) = let_in()
    jobs.finish(claimed)
    assert jobs.run(operations.enqueue(job)) is False
    assert let_in(freed=["add"]) == []


def test_letting_in_is_a_hot_update(jobs, add, let_in):
    add(20, Allowance(max_concurrency=20))
    seen = (
        "select n_tup_upd, n_tup_hot_upd from pg_stat_xact_user_tables where relname = 'jobs_live'"
    )
    with jobs.transaction():
        before = jobs.connection.execute(seen).fetchone()
        assert len(let_in()) == 20
        after = jobs.connection.execute(seen).fetchone()
    assert (after[0] - before[0], after[1] - before[1]) == (20, 20)


def test_people_are_told_what_waits_and_why(jobs, add, let_in):
    add(3, SERIAL, key="a")
    add(2, Allowance(rate_limit="10/m"), key="b")
    let_in()
    found = {row.limit_key: row for row in jobs.run(operations.limits())}
    assert [found["add:a"].running, found["add:a"].waiting] == [1, 2]
    assert [found["add:a"].why, found["add:b"].why] == ["1 of 1 run", "10/m, next in 6 s"]
    ready = jobs.value("select ready from pgqueue.queue_stats")
    assert ready == 3


def test_people_are_told_when_a_job_is_due_and_the_history_when_it_was(jobs, add, let_in):
    (id_,) = add(1)
    assert jobs.get(id_).run_at == jobs.get(id_).created_at
    jobs.finish(*let_in())
    assert jobs.value("select run_at = created_at from pgqueue.jobs where id = %s", id_)


def test_two_queues_of_a_key_cannot_let_in_beside_each_other(jobs, other, add, let_in):
    add(2, SERIAL)
    add(2, SERIAL, queue="other")
    let_in(0, queues=("default", "other"))
    with jobs.transaction():
        assert len(let_in(queues=["default"])) == 1
        assert let_in(queues=["other"], on=other) == []


def test_no_verdict_falls_beside_who_is_letting_in(jobs, other, add, let_in, clock):
    add(1)
    briefly = jobs.register("briefly", lease=10)
    with jobs.transaction():
        assert len(let_in(worker=briefly)) == 1
        clock.advance(11)
        assert other.run(operations.lost()) == []
    assert [job.worker_id for job in other.run(operations.lost())] == [briefly]
