"""What children report becomes operations, in an order and with nothing left out."""

from __future__ import annotations

import psycopg
import pytest

from pgqueue.rows import Finished, Released, Retried
from pgqueue.worker import frames
from pgqueue.worker.duties import MAX_CRASHES
from pgqueue.worker.reports import Batch
from support.jobs import Jobs

SUCCEEDED = ["S", "1", "7", "[1]"]
FAILED = ["F", "2", "7", "E: no", "trace"]
RETRIED = ["R", "3", "7", "1.5", "E: no", "trace"]
CANCELLED = ["C", "4", "7", "expired"]
UNSTARTED = ["U", "5", "7"]
CRASH = {"killed by SIGKILL": [Released("6", 7)]}
SUSPECTS = {"killed with others": [Released("7", 7)]}


def batch(*records, **fields):
    made = Batch(**fields)
    for record in records:
        made.add(record)
    return made


def everything():
    records = (SUCCEEDED, FAILED, RETRIED, CANCELLED, UNSTARTED)
    crashed, suspected = (
        {cause: list(jobs) for cause, jobs in by_cause.items()} for by_cause in (CRASH, SUSPECTS)
    )
    return batch(*records, crashed=crashed, suspected=suspected)


def names(made):
    return [query.name for query in made.queries()]


@pytest.mark.parametrize(
    ("record", "fields", "operations"),
    [
        (SUCCEEDED, {"finished": [Finished("1", 7, "succeeded", "[1]")]}, ["finish"]),
        (["S", "1", "7", ""], {"finished": [Finished("1", 7, "succeeded")]}, ["finish"]),
        (FAILED, {"finished": [Finished("2", 7, "failed", None, "E: no", "trace")]}, ["finish"]),
        (CANCELLED, {"finished": [Finished("4", 7, "cancelled", None, "expired")]}, ["finish"]),
        (
            RETRIED,
            {"retried": [Retried("3", 7, 1.5, "E: no", "trace")]},
            ["retry", "cancel_requested"],
        ),
        (UNSTARTED, {"released": [Released("5", 7)]}, ["release", "cancel_requested"]),
        (["D", "1", "7"], {}, []),
        (
            ["X", "1", "7", "StaleClaim: no", "trace"],
            {"finished": [Finished("1", 7, "failed", None, "StaleClaim: no", "trace")]},
            ["finish"],
        ),
    ],
)
def test_each_code_means_its_outcome_and_operations(record, fields, operations):
    made = batch(record)
    assert made == Batch(**fields)
    assert names(made) == operations
    assert (bool(made), len(made)) == (bool(operations), bool(operations))


def test_every_code_of_a_child_is_tested_here():
    codes = "SUCCEEDED FAILED RETRIED CANCELLED UNSTARTED DONE STALE"
    assert {getattr(frames, code) for code in codes.split()} == set("SFRCUDX")


def test_operations_come_in_the_order_of_a_jobs_life_and_cancellations_last():
    made = everything()
    order = ["retry", "release", "suspect", "crash", "finish", "cancel_requested"]
    assert names(made) == order
    assert (len(made), made.ids()) == (7, set("1234567"))


def test_of_all_that_goes_back_to_the_queue_requested_cancellations_are_carried_out():
    assert everything().queries()[-1].params == {"ids": "{3,5,6,7}"}


def test_crashes_are_written_by_cause():
    crashed = {"killed": [Released("1", 7)], "exited": [Released("2", 7), Released("3", 7)]}
    first, second, _ = Batch(crashed=crashed).queries()
    assert first.params == {
        "ids": "{1}",
        "claims": "{7}",
        "charged": "{True}",
        "error": "killed",
        "max_crashes": MAX_CRASHES,
        "alone": True,
    }
    assert (second.params["ids"], second.params["error"]) == ("{2,3}", "exited")


def test_stale_is_what_no_operation_returned():
    results = [{"1", "2"}, {"3"}, set(), {"6": "queued"}, {"7"}, {"3"}]
    assert everything().stale(results) == {("4", 7), ("5", 7)}
    assert Batch().stale([]) == set()


def test_of_a_job_that_ran_twice_at_once_the_older_claim_is_stale():
    """A frozen worker may claim what was taken from it, and then report both runs together."""
    twice = batch(SUCCEEDED, ["S", "1", "8", "[2]"])
    assert twice.stale([{"1"}]) == {("1", 7)}
    assert twice.stale([set()]) == {("1", 7), ("1", 8)}


def test_singly_is_one_batch_a_job_with_nothing_lost():
    parts = everything().singly()
    assert [len(part) for part in parts] == [1] * 7
    together = Batch()
    for part in parts:
        together.merge(part)
    assert together == everything()


def test_a_merge_takes_over_everything_and_remembers_what_was_sent_before():
    made = batch(SUCCEEDED, crashed={"killed": [Released("9", 1)]}, resent=True)
    later = {"crashed": {"killed": [Released("8", 1)], **CRASH}, "suspected": SUSPECTS}
    made.merge(batch(FAILED, RETRIED, UNSTARTED, **later))
    assert made.ids() == set("12356789")
    assert made.claims() >= {("7", 7), ("8", 1), ("9", 1)}
    assert made.crashed["killed"] == [Released("9", 1), Released("8", 1)]
    assert made.resent
    later = batch(SUCCEEDED)
    later.merge(made)
    assert later.resent
    assert not batch(SUCCEEDED).resent


def refused():
    return everything().refused_by(ValueError("invalid byte sequence"))


def test_a_batch_that_postgresql_refused_keeps_every_job_and_says_why():
    made = refused()
    assert made.ids() == everything().ids()
    texts = {job.error for job in made.finished} | made.crashed.keys() | made.suspected.keys()
    (text,) = texts
    assert text.startswith("InvalidPayload: PostgreSQL refused what the task left behind: ")
    assert text.endswith("invalid byte sequence")
    assert {(job.state, job.result, job.traceback) for job in made.finished} == {
        ("failed", None, None)
    }
    assert made.released == [Released("5", 7)]


@pytest.mark.parametrize("countdown", ["inf", "1e18", "-1e18"])
def test_nothing_that_was_refused_is_sent_again(connection, countdown):
    """Else the job would be running for ever: P7, nothing disappears."""
    jobs = Jobs(connection)
    job = jobs.running(jobs.register())
    made = batch(["R", job.id, str(job.claim), countdown, "E: no", "trace"])
    with pytest.raises(psycopg.DataError) as caught:
        jobs.run(made.queries()[0])
    for query in made.refused_by(caught.value).queries():
        jobs.run(query)
    assert jobs.get(job.id).error.endswith("out of range")
    assert jobs.state(job.id) == "failed"
