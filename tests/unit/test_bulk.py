"""What is sent for a stream of jobs, and when; and the handles that come back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, strategies as st

from pgqueue import AsyncResult, PgQueue, bulk
from pgqueue.bulk import BATCH, COPY, FEW, Enqueued, Stream
from pgqueue.copying import BLOCK, job_blocks, run_at
from pgqueue.identifiers import uuid7
from pgqueue.query import Copy
from pgqueue.rows import NewJob

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def new_jobs(number, **options):
    return (NewJob(uuid7(), "add", "[]", "{}", **options) for _ in range(number))


def sent(stream, *, copies=True, own=True):
    """The names of the steps, each with the number of its jobs."""
    steps, found, answer = stream.steps(copies=copies, own=own), [], None
    while True:
        try:
            step = steps.send(answer)
        except StopIteration:
            return found
        if isinstance(step, Copy):
            found.append(("copy", "".join(step.blocks).count("\n")))
            answer = None
        elif step.name == "moment":
            answer = NOON
        elif step.name == "admit":  # what was copied; a copy cannot be refused
            assert found[-1][0] != "wake"
            assert "copy" in dict(found)
            answer = None
        elif step.name == "wake":
            found.append(("wake", step.params["places"]))
            answer = None
        else:
            assert not step.params["wake"], "more of the batch follows"
            found.append(("insert", step.params["ids"].count("-") // 4))
            answer = {"default"}


# ── steps ──


@pytest.mark.parametrize(("size", "is_small"), [(0, True), (FEW, True), (FEW + 1, False)])
def test_few_jobs_are_one_statement(size, is_small):
    stream = Stream(new_jobs(size))
    assert stream.is_small == is_small
    assert bool(stream.first) == bool(size)
    assert len(stream.ids) == 16 * size


@pytest.mark.parametrize(
    ("size", "copied"),
    [(FEW + 1, [FEW + 1]), (COPY - 1, [COPY - 1]), (COPY + 1, [COPY, 1]), (BATCH + 1, [BATCH + 1])],
)
def test_a_connection_of_our_own_copies_as_the_jobs_come_and_wakes_at_the_end(size, copied):
    wanted = [*(("copy", number) for number in copied), ("wake", '{"default"}')]
    assert sent(Stream(new_jobs(size))) == wanted


def test_the_callers_connection_copies_what_has_been_gathered_before():
    copied = [("copy", BATCH), ("copy", BATCH), ("copy", 1), ("wake", '{"default"}')]
    assert sent(Stream(new_jobs(2 * BATCH + 1)), own=False) == copied


def test_a_connection_that_cannot_copy_inserts_batches():
    inserted = [("insert", BATCH), ("insert", 1), ("wake", '{"default"}')]
    assert sent(Stream(new_jobs(BATCH + 1)), copies=False) == inserted


def test_ids_that_may_be_taken_are_inserted_beside_the_copy():
    jobs = [*new_jobs(FEW), *new_jobs(3, chosen=True), *new_jobs(2)]
    steps = [("copy", FEW + 2), ("insert", 3), ("wake", '{"default"}')]
    assert sent(Stream(jobs)) == steps
    assert sent(Stream(jobs), own=False) == steps


def test_much_text_ends_a_batch_early(monkeypatch):
    monkeypatch.setattr(bulk, "MAX_TEXT", 100)
    text = '["' + "x" * 46 + '"]'  # with its kwargs 52
    jobs = [NewJob(uuid7(), "add", text, "{}") for _ in range(5)]
    stream = Stream(jobs)
    assert (len(stream.first), stream.is_small) == (2, False)
    wanted = [("copy", 2), ("copy", 2), ("copy", 1), ("wake", '{"default"}')]
    assert sent(stream) == wanted
    assert [kind for kind, _ in sent(Stream(jobs), copies=False)] == ["insert"] * 3 + ["wake"]


@pytest.mark.parametrize(
    "options",
    [{"notify": False}, {"countdown": 2.0}, {"eta": NOON + timedelta(seconds=2)}],
)
def test_jobs_that_need_nobody_woken_wake_nobody(options):
    steps = sent(Stream([*new_jobs(FEW + 1, **options)]))
    assert [kind for kind, _ in steps] == ["copy"]
    jobs = [*new_jobs(FEW + 1, **options), *new_jobs(1, queue="mail", countdown=1.9)]
    assert sent(Stream(jobs))[-1] == ("wake", '{"mail"}')


def test_a_generator_is_asked_for_no_more_than_is_sent_next():
    asked = []

    def counted():
        for job in new_jobs(3 * COPY):
            asked.append(job.id)
            yield job

    stream = Stream(counted())
    assert len(asked) == FEW + 1
    steps = stream.steps(copies=True, own=True)
    next(steps)
    copy = steps.send(NOON)
    assert len(asked) == FEW + 1
    for number in range(1, 4):
        next(copy.blocks)
        assert len(asked) == max(FEW + 1, number * BLOCK)


# ── times ──


@pytest.mark.parametrize(
    ("options", "due"),
    [
        ({}, NOON),
        ({"countdown": 0.25}, NOON + timedelta(seconds=0.25)),
        ({"countdown": -5.0}, NOON),
        ({"eta": NOON + timedelta(hours=1), "countdown": 5.0}, NOON + timedelta(hours=1)),
        ({"eta": NOON - timedelta(hours=1)}, NOON),
    ],
)
def test_a_job_is_due_at_its_eta_but_never_in_the_past(options, due):
    (job,) = new_jobs(1, **options)
    assert run_at(job, NOON) == due


def test_a_line_has_a_field_for_each_column_of_the_copy():
    (text,) = job_blocks(new_jobs(1), NOON)
    noon = "2026-11-22T12:00:00+00:00"
    assert text.split("\t")[1:] == (
        ["default", "add", "0", r"\N", noon, noon, r"\N", "[]", "{}", r"\N", r"\N", "\\N\n"]
    )


# ── handles ──


@pytest.fixture
def ids():
    return [str(uuid7()) for _ in range(5)]


@pytest.fixture
def jobs(ids, recorder):
    return Enqueued(bytearray(b"".join(bytes.fromhex(i.replace("-", "")) for i in ids)), recorder)


def test_the_handles_are_a_sequence(jobs, ids):
    handles = [AsyncResult(job, None) for job in ids]
    assert len(jobs) == 5
    assert list(jobs) == handles
    assert (jobs[0], jobs[-1], jobs[-5]) == (handles[0], handles[4], handles[0])
    assert list(reversed(jobs)) == handles[::-1]
    assert handles[2] in jobs
    assert jobs.index(handles[3]) == 3
    assert repr(jobs) == "<5 jobs>"
    for outside in (5, -6):
        with pytest.raises(IndexError):
            jobs[outside]


@given(st.slices(5))
def test_a_slice_is_a_list_of_handles(which):
    ids = [uuid7() for _ in range(5)]
    jobs = Enqueued(bytearray(b"".join(job.bytes for job in ids)), None)
    assert [job.id for job in jobs[which]] == [str(job) for job in ids[which]]


def test_a_handle_is_made_when_it_is_asked_for(jobs, ids, monkeypatch):
    made = []

    def make(job, database):
        made.append(str(job))
        return AsyncResult(job, database)

    monkeypatch.setattr(bulk, "AsyncResult", make)
    assert (len(jobs), bool(jobs), made) == (5, True, [])
    jobs[3]
    assert made == [ids[3]]


def test_the_application_runs_one_statement_for_few_jobs_and_none_for_none(monkeypatch):
    app, run = PgQueue("shop"), []
    monkeypatch.setattr(app, "run", lambda query, connection: run.append((query, connection)))
    assert len(app.enqueue_many([])) == 0
    assert run == []
    jobs = app.enqueue_many([("add", (1,))] * FEW, connection="mine")
    ((query, connection),) = run
    assert (query.name, query.params["wake"], connection) == ("enqueue_many", True, "mine")
    assert len(jobs) == FEW
