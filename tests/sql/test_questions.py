"""P7, nothing disappears: what can be asked about jobs, and what the answers hold."""

from __future__ import annotations

from datetime import timedelta

import pytest

from pgqueue import operations
from pgqueue.rows import Lane, Outcome
from support.waiting import wait_for

NOBODY = "0198c0de-0000-7000-8000-000000000001"


def next_due(jobs, queues=("default",), priorities=(9, 0), tasks=("add",)):
    lanes = [Lane(queue, priority) for queue in queues for priority in priorities]
    return jobs.run(operations.next_due(lanes, tasks))


def search(jobs, **criteria):
    return [row.id for row in jobs.run(operations.search(**criteria))]


def outcomes(jobs, ids, since="-infinity"):
    return {o.id: o for o in jobs.run(operations.outcomes(ids, since))}


def test_the_time_is_that_of_the_database(jobs, clock):
    assert jobs.run(operations.now()) == clock.now()
    clock.advance(60)
    assert jobs.run(operations.now()) == clock.now()


def test_a_job_that_nobody_knows_is_none(jobs):
    assert jobs.get(NOBODY) is None


def test_next_due_is_the_time_to_the_first_scheduled_job(jobs, clock):
    for seconds in (90.5, 30.25, 60.0):
        jobs.add(countdown=seconds)
    assert next_due(jobs) == 30.25
    clock.advance(30)
    assert next_due(jobs) == 0.25
    clock.advance(0.25)
    assert next_due(jobs) == 29.75  # the first is due now, the second is the next


def test_next_due_is_none_when_nothing_is_scheduled(jobs, worker):
    jobs.add()
    jobs.running(worker, queue="q")
    assert next_due(jobs) is None


@pytest.mark.parametrize(
    "options",
    [{"queue": "other"}, {"priority": 5}, {"task": "unknown"}],
    ids=lambda o: next(iter(o)),
)
def test_next_due_passes_over_what_the_worker_would_not_claim(jobs, options):
    jobs.add(countdown=5, **options)
    assert next_due(jobs) is None
    jobs.add(countdown=60)
    assert next_due(jobs) == 60.0


def test_next_due_passes_over_paused_queues_and_waiting_jobs(jobs):
    jobs.add(countdown=5)
    jobs.run(operations.pause("default"))
    assert next_due(jobs) is None
    jobs.run(operations.resume("default"))
    assert next_due(jobs) == 5.0
    jobs.connection.execute("update pgqueue.jobs_live set state = 'waiting', run_at = 'infinity'")
    assert next_due(jobs) is None


def test_next_due_looks_into_every_lane(jobs):
    jobs.add(countdown=60, queue="a", priority=9)
    jobs.add(countdown=30, queue="b", priority=0)
    assert next_due(jobs, queues=("a", "b")) == 30.0


def test_outcomes_tell_how_finished_jobs_ended_and_leave_the_others_out(jobs, worker):
    won = jobs.finished(worker, result="[1]")
    lost = jobs.finished(worker, "failed", error="e", traceback="t")
    ended = jobs.add()
    jobs.run(operations.cancel([ended]))
    waits, runs = jobs.add(countdown=60), jobs.running(worker).id
    assert outcomes(jobs, [won, lost, ended, waits, runs, NOBODY]) == {
        won: Outcome(won, "succeeded", "[1]", None, None),
        lost: Outcome(lost, "failed", None, "e", "t"),
        ended: Outcome(ended, "cancelled", None, "cancelled", None),
    }


def test_outcomes_begin_at_a_time(jobs, clock, worker):
    before = jobs.finished(worker)
    clock.advance(1)
    since = clock.now()
    after = jobs.finished(worker)
    assert outcomes(jobs, [before, after], since).keys() == {after}
    assert outcomes(jobs, [before, after], since - timedelta(seconds=1)).keys() == {before, after}


def test_outcomes_of_a_time_read_that_days_partitions_only(jobs, clock, worker):
    job = jobs.finished(worker)
    clock.advance(days=1)
    with jobs.transaction():
        assert outcomes(jobs, [job], clock.now()) == {}
        plan = jobs.connection.execute(
            "select relation::regclass::text from pg_stat_xact_user_tables s "
            "join pg_locks l on l.relation = s.relid and l.pid = pg_backend_pid() "
            "where coalesce(s.idx_scan, 0) + coalesce(s.seq_scan, 0) > 0"
        ).fetchall()
    yesterday = f"{clock.now() - timedelta(days=1):%Y%m%d}"
    assert not [name for (name,) in plan if name.endswith(yesterday)]


def test_a_search_shows_the_newest_first_whatever_their_state(jobs, worker):
    finished = jobs.finished(worker)
    running = jobs.running(worker).id
    queued = jobs.add()
    assert search(jobs) == [queued, running, finished]


def test_a_search_matches_every_criterion_that_is_given(jobs, worker):
    jobs.finished(worker)
    mail = jobs.add(task="mail", queue="a")
    other = jobs.add(task="other", queue="a")
    elsewhere = jobs.add(task="mail", queue="b")
    assert search(jobs, task="mail") == [elsewhere, mail]
    assert search(jobs, queue="a") == [other, mail]
    assert search(jobs, queue="a", task="mail", state="queued") == [mail]
    assert search(jobs, queue="a", state="failed") == []
    assert jobs.run(operations.count(queue="a")) == 2
    assert jobs.run(operations.count(state="succeeded")) == 1
    assert jobs.run(operations.count(task="mail", queue="b")) == 1


def test_pages_follow_each_other_without_gap_or_overlap(jobs):
    ids = [jobs.add() for _ in range(7)]
    pages, before = [], None
    while page := search(jobs, before=before, limit=3):
        pages.append(page)
        before = page[-1]
    assert [len(page) for page in pages] == [3, 3, 1]
    assert [job for page in pages for job in page] == ids[::-1]


def test_a_search_shows_a_job_as_get_does(jobs, worker):
    job = jobs.running(worker, args="[1]", headers='{"t": 1}')
    jobs.retry(job)
    assert jobs.run(operations.search()) == [jobs.get(job.id)]
    assert jobs.get(job.id).failures == 1


def test_room_is_what_connections_leave(jobs, connect):
    before = jobs.run(operations.room())
    assert 0 < before < int(jobs.value("show max_connections"))
    for _ in range(5):
        connect()
    wait_for(lambda: jobs.run(operations.room()) <= before - 3, "less room")
