"""A rate of a queue: all starts in it keep to it, whatever limits the jobs have besides."""

from __future__ import annotations

import psycopg
import pytest

from pgqueue import operations
from pgqueue.allowance import Allowance
from pgqueue.identifiers import uuid7
from pgqueue.rows import Lane, LimitsDue, NewJob

TASKS = ("add", "other")


@pytest.fixture
def rate(jobs):
    def rate(rate_limit="10/m", rate_burst=1, queue="default"):
        jobs.run(operations.rate_queue(queue, rate_limit, rate_burst))

    return rate


@pytest.fixture
def look(jobs, worker):
    """Looks for jobs as a worker does, plain ones first; returns those that start."""

    def look(limit=100, *, on=jobs, queues=("default",), limited=None, freed=(), rates=True):
        limited = limited or {}
        plain = jobs.claim(worker, queues=queues, tasks=[t for t in TASKS if t not in limited])
        on.run(operations.park(queues, limited, known=TASKS))
        asked = operations.claim_limited(worker, queues, TASKS, limit, freed, rates=rates)
        return plain + on.run(asked)

    return look


@pytest.fixture
def starts(jobs, look, clock):
    """Has whatever may start do so, for so long; returns when each did."""

    def starts(seconds, step=1.0, **how):
        begun, at = [], 0.0
        while at <= seconds:
            for job in look(**how):
                begun.append(at)
                jobs.finish(job)
            clock.advance(step)
            at += step
        return begun

    return starts


def due(jobs, **how):
    return jobs.run(operations.limits_due(["default"], **how))


def add_limited(jobs, count, allowance, **options):
    new = [NewJob(uuid7(), "add", "[]", "{}", allowance=allowance, **options) for _ in range(count)]
    jobs.run(operations.enqueue_many(new, wake=False))
    return [str(job.id) for job in new]


def keys(claimed):
    return [job.limit_key for job in claimed]


def test_starts_of_all_tasks_together_are_spread(jobs, rate, starts):
    rate("10/m")
    for number in range(20):
        jobs.add(TASKS[number % 2])
    assert starts(24) == [0, 6, 12, 18, 24]


def test_a_burst_may_come_at_once_and_comes_back_with_time(jobs, rate, starts, clock):
    rate("10/m", 3)
    for _ in range(20):
        jobs.add()
    assert starts(13) == [0, 0, 0, 6, 12]
    clock.advance(20)
    assert starts(0) == [0, 0, 0]


def test_order_is_kept_and_priorities_come_first(jobs, rate, look, clock):
    rate("1/s")
    slow, fast = [jobs.add(), jobs.add("other")], jobs.add(priority=9)
    order = []
    for _ in range(3):
        order += [job.id for job in look()]
        clock.advance(1)
    assert order == [fast, *slow]


def test_plain_claims_pass_it_over_and_other_queues_notice_nothing(jobs, rate, worker, look):
    rate()
    jobs.add()
    elsewhere = jobs.add(queue="other")
    assert jobs.claim_ids(worker, queues=["default", "other"]) == [elsewhere]
    assert len(look()) == 1


def test_a_limited_task_in_it_keeps_both_limits_and_counts(jobs, rate, look, clock):
    rate("1/s", 2)
    few = Allowance(max_concurrency=2)
    limited = add_limited(jobs, 4, few)
    plain = [jobs.add("other") for _ in range(4)]
    started = []
    for _ in range(6):
        started += look()
        clock.advance(1)
    assert len([job for job in started if job.id in limited]) == 2  # none of them has ended
    assert [job.id for job in started if job.id in plain] == plain
    assert len(started) == 6


def test_keys_share_the_rate_by_turns(jobs, rate, look, clock):
    rate("1/s")
    by_key = Allowance(key_name="key", key_place=0)
    new = [
        NewJob(uuid7(), "add", f'["{key}"]', "{}", allowance=by_key)
        for key, count in (("large", 50), ("small", 3))
        for _ in range(count)
    ]
    jobs.run(operations.enqueue_many(new, wake=False))
    for _ in range(50):
        jobs.add("other")
    started = []
    for _ in range(9):
        clock.advance(1)
        started += look()
    assert sorted(keys(started)) == [":default"] * 3 + ["add:large"] * 3 + ["add:small"] * 3


def test_the_lines_of_a_queue_that_may_not_start_hold_up_no_other_queue(jobs, rate, look):
    rate("1/s")
    by_key = Allowance(key_name="key", key_place=0)
    new = [NewJob(uuid7(), "add", f"[{n}]", "{}", allowance=by_key) for n in range(20)]
    jobs.run(operations.enqueue_many(new, wake=False))
    add_limited(jobs, 4, Allowance(max_concurrency=4), queue="free")
    claimed = look(4, queues=("default", "free"))
    assert sorted(job.queue for job in claimed) == ["default", "free", "free"]


def test_who_looks_is_told_when_the_queue_opens_and_that_it_has_a_rate(jobs, rate, look, clock):
    assert due(jobs) == LimitsDue(None, rated=False)
    rate("10/m")
    assert due(jobs) == LimitsDue(None, rated=True)
    jobs.add()
    jobs.add()
    assert len(look()) == 1
    assert due(jobs) == LimitsDue(pytest.approx(6), rated=True)
    clock.advance(5.999)
    assert look() == []
    clock.advance(0.001)
    assert due(jobs).seconds == 0
    assert len(look()) == 1


def test_what_arrives_while_it_is_closed_is_taken_in_and_nobody_looks_in_vain(jobs, rate, look):
    rate("10/m")
    jobs.add()
    assert len(look()) == 1
    add_limited(jobs, 1, Allowance(max_concurrency=1))
    assert look() == []
    assert due(jobs).seconds == pytest.approx(6)


def test_a_scheduled_job_wakes_and_starts_at_its_time(jobs, rate, look, clock):
    rate()
    job = jobs.add(countdown=60)
    assert look() == []
    asked = operations.next_due([Lane("default", 0)], TASKS)
    assert jobs.run(asked) == pytest.approx(60)
    clock.advance(60)
    assert [each.id for each in look()] == [job]


def test_it_is_changed_while_everything_runs(jobs, rate, look, clock):
    rate("1/h")
    for _ in range(9):
        jobs.add()
    assert len(look()) == 1
    rate("10/m")
    assert look() == []
    clock.advance(6)
    assert len(look()) == 1
    rate("10/m", 3)
    clock.advance(18)
    assert len(look()) == 3


def test_when_it_is_taken_away_all_go_on_parked_ones_too(jobs, rate, look):
    rate("1/h")
    for _ in range(5):
        jobs.add()
    assert len(look()) == 1
    jobs.add("other")
    rate(None)
    assert len(look()) == 5
    assert due(jobs).rated is False


def test_a_rate_that_comes_back_is_still_kept(jobs, rate, look):
    rate("10/m")
    jobs.add()
    jobs.add()
    assert len(look()) == 1
    rate(None)
    rate("10/m")
    assert look() == []


def test_a_pause_holds_besides(jobs, rate, look):
    rate("100/s")
    job = jobs.add()
    jobs.run(operations.pause("default"))
    assert look() == []
    assert due(jobs) == LimitsDue(None, rated=False)
    jobs.run(operations.resume("default"))
    assert [each.id for each in look()] == [job]


def test_a_clock_that_is_set_back_holds_nobody_up_for_long(jobs, rate, look, clock):
    rate("10/m")
    for _ in range(3):
        jobs.add()
    assert len(look()) == 1
    clock.advance(-3600)
    jobs.connection.execute("update pgqueue.jobs_live set due_at = pgqueue.now()")
    jobs.connection.execute("update pgqueue.lines set next_at = pgqueue.now()")
    assert look() == []
    assert due(jobs).seconds <= 6
    clock.advance(6)
    assert len(look()) == 1


def test_rates_can_be_left_out_of_account(jobs, rate, look):
    rate("1/h")
    for _ in range(3):
        jobs.add()
    assert len(look(rates=False)) == 3
    assert due(jobs, rates=False).rated


def test_two_who_look_at_once_start_no_more_than_it_says(jobs, other, rate, look, worker):
    rate("1/s")
    jobs.add()
    with jobs.transaction():
        assert len(look()) == 1
        add_limited(other, 5, Allowance(max_concurrency=5))  # a line that only others know of
        asked = operations.claim_limited(worker, ["default"], TASKS, 5)
        assert other.run(asked) == []
    assert other.run(asked) == []


def test_who_changes_it_and_does_not_commit_holds_nobody_up(jobs, other, rate, look):
    rate("100/s", 9)
    for _ in range(3):
        jobs.add()
    with other.transaction():
        other.run(operations.rate_queue("default", None))
        assert len(look()) == 3


def test_a_job_that_is_tried_again_counts_again(jobs, rate, look, clock):
    rate("10/m")
    jobs.add()
    (job,) = look()
    jobs.retry(job)
    assert look(freed=[job.limit_key]) == []
    clock.advance(6)
    assert [each.id for each in look()] == [job.id]


def test_a_task_that_is_limited_later_takes_its_jobs_along(jobs, rate, look, clock):
    rate("1/h")
    for _ in range(5):
        jobs.add()
    assert keys(look()) == [":default"]
    rate("100/s", 50)
    assert look() == []  # which sees that the rate was raised
    clock.advance(1)
    assert keys(look(limited={"add": Allowance(max_concurrency=2)})) == ["add"] * 2


def test_a_task_that_nobody_here_knows_is_left_alone(jobs, rate, look):
    rate("100/s", 9)
    jobs.add("strange")
    known = jobs.add()
    assert [job.id for job in look()] == [known]
    assert jobs.value("select count(*) from pgqueue.jobs_live where task = 'strange'"
                      " and limit_key is null") == 1  # fmt: skip


@pytest.mark.parametrize(
    ("queue", "rate_limit", "burst", "said"),
    [
        ("mail", "often", 1, 'rate_limit is "often", but must be'),
        ("mail", "0/m", 1, 'rate_limit is "0/m", but must be'),
        ("mail", "10/m", 0, "rate_burst is 0, but must be 1 to 100000"),
        ("", "10/m", 1, "queue must be the name of a queue"),
    ],
)
def test_what_is_no_rate_is_refused(jobs, queue, rate_limit, burst, said):
    with pytest.raises(psycopg.Error, match=said):
        jobs.run(operations.rate_queue(queue, rate_limit, burst))


def test_people_are_told_which_rate_a_job_waits_for(jobs, rate, look):
    rate("10/m", 1)
    jobs.add()
    waiting = jobs.add()
    assert len(look()) == 1
    (row,) = jobs.run(operations.limits(job=waiting))
    assert (row.limit_key, row.running, row.waiting) == (":default", 1, 1)
    assert row.why == "10/m for all of default, next in 6 s"
    (queue,) = jobs.run(operations.queues())
    assert (queue.rate_limit, queue.rate_burst, queue.limited) == ("10/m", 1, 1)
