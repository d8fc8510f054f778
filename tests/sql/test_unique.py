"""One job holds a unique key, whoever asks for it, when, and on how many connections."""

from __future__ import annotations

import psycopg
import pytest

from pgqueue import operations
from pgqueue.identifiers import uuid7
from pgqueue.rows import NewJob, Unique

KEY = "add:1"


def call(key=KEY, args="[1]", **options):
    """A job with a unique key; `until_start`, `seconds` and `on_duplicate` are about that."""
    about = {name: options.pop(name) for name in Unique._fields if name in options}
    headers = f'{{"pgqueue": {{"unique": "{key}"}}}}'
    return NewJob(
        options.pop("id", None) or uuid7(), "add", args, "{}", headers=headers,
        unique=Unique(key, **about), **options,
    )  # fmt: skip


def place(jobs, *calls):
    return jobs.run(operations.enqueue_unique(calls))


def place_one(jobs, job):
    ((id_, placed, existing),) = place(jobs, job)
    assert id_ == str(job.id)
    assert existing == (placed != id_)
    return placed


def add(jobs, **options):
    """Enqueue a call; return the id of the job that stands for it."""
    return place_one(jobs, call(**options))


def live(jobs):
    return jobs.value("select count(*) from pgqueue.jobs_live")


# ── who holds a key ──


def test_the_first_call_makes_the_job_and_the_others_get_it(jobs):
    first = add(jobs)
    assert add(jobs, args="[2]") == first
    assert add(jobs, key="add:2") != first
    assert live(jobs) == 2
    assert jobs.get(first).args == "[1]"


@pytest.mark.parametrize("until_start", [False, True], ids=["until its end", "until its start"])
def test_a_key_is_held_while_the_job_lives_or_until_it_starts(jobs, worker, until_start):
    scope = {"until_start": until_start}
    first = add(jobs, countdown=60, **scope)
    assert add(jobs, **scope) == first
    first = add(jobs, key="other", **scope)
    (claimed,) = jobs.claim(worker)
    second = add(jobs, key="other", **scope)
    assert (second != first) == until_start
    jobs.finish(claimed)
    assert (add(jobs, key="other", **scope) == second) == until_start


@pytest.mark.parametrize("how", ["retry", "release", "crash", "suspect"])
def test_a_job_that_is_queued_again_runs_beside_its_newer_twin(jobs, worker, how):
    """No statement of a worker's knows keys, so that none can fail by one."""
    first = add(jobs, until_start=True)
    (claimed,) = jobs.claim(worker)
    assert add(jobs, until_start=True) != first
    assert first in getattr(jobs, how)(claimed)
    assert len(jobs.claim(worker)) == 2


def test_a_job_that_is_queued_again_holds_its_key_if_nobody_took_it(jobs, worker):
    first = add(jobs, until_start=True)
    jobs.retry(*jobs.claim(worker), countdown=60)
    assert add(jobs, until_start=True) == first


# ── a window ──


@pytest.mark.parametrize(
    ("state", "held"), [("succeeded", True), ("failed", False), ("cancelled", False)]
)
def test_a_window_outlives_a_job_that_has_done_what_it_was_for(jobs, clock, worker, state, held):
    first = add(jobs, seconds=60)
    jobs.finish(*jobs.claim(worker), state=state)
    clock.advance(59)
    assert (add(jobs, seconds=60) == first) == held
    clock.advance(61 if held else 1)
    assert add(jobs, seconds=60) != first


def test_a_job_that_lives_longer_than_its_window_holds_its_key(jobs, clock):
    first = add(jobs, seconds=60)
    clock.advance(61)
    assert add(jobs, seconds=60) == first


# ── replace ──


def replaced(jobs, **options):
    return add(jobs, until_start=True, on_duplicate="replace", **options)


def test_a_queued_job_becomes_what_a_new_call_says(jobs, clock, worker):
    first = replaced(jobs, countdown=60)
    assert replaced(jobs, args="[2]", countdown=90, queue="q", priority=3, max_attempts=7) == first
    row = jobs.get(first)
    assert (row.args, row.queue, row.priority, row.max_attempts) == ("[2]", "q", 3, 7)
    assert (row.run_at - clock.now()).total_seconds() == 90
    assert live(jobs) == 1
    clock.advance(90)
    assert jobs.claim_ids(worker, queues=["q"]) == [first]


def test_a_replaced_job_has_all_its_attempts_before_it(jobs, worker):
    first = replaced(jobs)
    jobs.retry(*jobs.claim(worker), countdown=60)
    assert replaced(jobs) == first
    row = jobs.get(first)
    assert (row.attempt, row.claim, row.failures) == (0, 1, 1)


def test_a_running_job_is_not_replaced_the_call_is_a_job_of_its_own(jobs, worker):
    first = replaced(jobs)
    (claimed,) = jobs.claim(worker)
    second = replaced(jobs, args="[2]")
    assert second != first
    assert claimed.args == "[1]"
    assert live(jobs) == 2


def test_a_replacing_call_wakes_who_sleeps(jobs, other, heard):
    replaced(jobs, countdown=60)
    other.run(operations.lie_down(["default"]))
    replaced(jobs)
    assert heard() == ["pgqueue.jobs"]


# ── across transactions ──


@pytest.mark.parametrize("how", ["commits", "rolls back", "rolls back to a savepoint"])
def test_a_second_call_waits_for_the_first_ones_transaction(jobs, other, step, how):
    with jobs.transaction():
        with jobs.transaction() as transaction:
            first = add(jobs)
            if how == "rolls back to a savepoint":
                raise psycopg.Rollback(transaction)
        if how == "rolls back to a savepoint":
            assert add(other) != first
            return
        waiting = step(other, lambda: add(other)).blocked()
        if how == "rolls back":
            jobs.connection.execute("rollback; begin")
    assert (waiting.result() == first) == (how == "commits")
    assert live(jobs) == 1


def test_calls_that_get_a_job_that_is_there_do_not_wait_for_each_other(jobs, other):
    first = add(jobs, until_start=True)
    with jobs.transaction():
        assert add(jobs, until_start=True) == first
        assert add(other, until_start=True) == first
        assert add(other) == first


def test_who_takes_a_key_over_keeps_it_until_the_commit(jobs, other, worker, step):
    add(jobs)
    jobs.finish(*jobs.claim(worker))
    with jobs.transaction():
        second = add(jobs)
        waiting = step(other, lambda: add(other)).blocked()
    assert waiting.result() == second


def test_a_queued_job_does_not_start_before_what_was_called_for_it_is_committed(
    jobs, other, worker
):
    """Its run is to see what the callers have written."""
    first = add(jobs, until_start=True)
    with jobs.transaction():
        assert add(jobs, until_start=True) == first
        assert other.claim(worker) == []
    assert other.claim_ids(worker) == [first]


def test_a_call_that_meets_a_claim_waits_and_is_a_job_of_its_own(jobs, other, worker, step):
    first = add(jobs, until_start=True)
    with jobs.transaction():
        assert jobs.claim_ids(worker) == [first]
        waiting = step(other, lambda: add(other, until_start=True)).blocked()
    assert waiting.result() != first


def test_a_finish_never_waits_for_a_call(jobs, other, worker):
    add(jobs, until_start=True)
    claimed = jobs.claim(worker)
    with other.transaction():
        add(other, until_start=True)
        other.connection.execute("select 1")
        assert jobs.finish(*claimed)


# ── sent again ──


def again(jobs, job):
    return jobs.run(operations.enqueue_unique([job]).again())[0]


def test_a_call_that_is_sent_again_is_one_job_whatever_has_become_of_it(jobs, worker):
    job = call()
    place(jobs, job)
    for _ in ("live", "finished"):
        assert again(jobs, job) == (str(job.id), str(job.id), False)
        jobs.finish(*jobs.claim(worker))
    newer = add(jobs)
    assert again(jobs, job) == (str(job.id), str(job.id), False)
    assert add(jobs) == newer
    assert jobs.value("select count(*) from pgqueue.jobs") == 2


def test_a_call_that_replaced_is_sent_again_and_replaces_nothing_more(jobs, worker):
    first = replaced(jobs)
    job = call(args="[2]", until_start=True, on_duplicate="replace")
    assert place_one(jobs, job) == first
    assert [claimed.args for claimed in jobs.claim(worker)] == ["[2]"]
    assert again(jobs, job) == (str(job.id), first, True)
    assert live(jobs) == 1


# ── many ──


def test_many_calls_are_placed_at_once(jobs):
    there = add(jobs, key="2")
    calls = [call(key=str(n)) for n in range(4)]
    placed = {row.id: row for row in place(jobs, *calls)}
    assert [placed[str(each.id)].existing for each in calls] == [False, False, True, False]
    assert placed[str(calls[2].id)].job == there
    assert live(jobs) == 4


def test_batches_that_share_keys_do_not_deadlock(jobs, other, step):
    """Keys are taken in their order, whatever the order of the ids."""
    forth, back = (
        [call(key=str(n)) for n in range(9)],
        [call(key=str(n)) for n in reversed(range(9))],
    )
    with jobs.transaction():
        place(jobs, forth[0])
        waiting = step(other, lambda: place(other, *back)).blocked()
        place(jobs, *forth[1:])
    assert all(row.existing for row in waiting.result())


# ── run again by hand ──


def test_a_job_is_not_run_again_while_another_one_holds_its_key(jobs, worker):
    first = add(jobs)
    jobs.finish(*jobs.claim(worker), state="failed")
    second = add(jobs)
    assert jobs.run(operations.requeue([first])) == set()
    jobs.finish(*jobs.claim(worker), state="failed")
    assert jobs.run(operations.requeue([first, second])) == {second}
    assert add(jobs) == second
    assert jobs.state(first) == "failed"


def test_a_call_meets_a_job_that_is_just_being_run_again(jobs, other, worker, step):
    first = add(jobs)
    jobs.finish(*jobs.claim(worker), state="failed")
    with jobs.transaction():
        assert jobs.run(operations.requeue([first])) == {first}
        waiting = step(other, lambda: add(other)).blocked()
    assert waiting.result() == first


# ── what is left behind ──


def prune(jobs, after="", limit=100):
    return jobs.run(operations.prune_keys(after, limit))


def test_keys_that_nobody_holds_are_taken_away_by_slices(jobs, clock, worker):
    for key in "abcd":
        add(jobs, key=key, seconds=60 if key == "c" else None)
    jobs.finish(*jobs.claim(worker, limit=3))
    assert prune(jobs, limit=2) == (2, "b", 2)
    assert prune(jobs, "b") == (2, "d", 0)
    clock.advance(61)
    assert prune(jobs) == (2, "d", 1)
    assert jobs.value("select array_agg(key) from pgqueue.unique_keys") == ["d"]


def test_a_key_that_is_just_being_taken_is_left(jobs, other, worker):
    add(jobs)
    jobs.finish(*jobs.claim(worker))
    with jobs.transaction():
        second = add(jobs)
        assert prune(other).pruned == 0
    assert add(other) == second
