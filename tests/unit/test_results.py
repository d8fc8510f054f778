"""The handle of a job: what it says now, and what it waits for."""

from __future__ import annotations

import asyncio
from dataclasses import fields, replace
from queue import Queue
from uuid import UUID, uuid4

import pytest

from pgqueue import PgQueue
from pgqueue.errors import InvalidOption, ResultTimeout, TaskFailed, TaskRevokedError
from pgqueue.outcomes import celery_state
from pgqueue.result import AsyncResult
from pgqueue.rows import JobRow, Outcome

ID = "0198c0de-0000-7000-8000-000000000001"
NOTHING = dict.fromkeys((field.name for field in fields(JobRow)), None)
QUEUED = JobRow(**{**NOTHING, "id": ID, "state": "queued", "failures": 0})
SUCCEEDED = replace(QUEUED, state="succeeded", result='{"at":{"$date":"2026-11-22"}}')
FAILED = replace(QUEUED, state="failed", error="ValueError: no: not so", traceback="Traceback …")

STATES = [
    (None, "PENDING"),
    (QUEUED, "PENDING"),
    (replace(QUEUED, state="waiting"), "PENDING"),
    (replace(QUEUED, failures=1), "RETRY"),
    (replace(QUEUED, state="running"), "STARTED"),
    (replace(QUEUED, state="running", failures=1), "STARTED"),
    (SUCCEEDED, "SUCCESS"),
    (replace(SUCCEEDED, failures=1), "SUCCESS"),
    (FAILED, "FAILURE"),
    (replace(QUEUED, state="cancelled"), "REVOKED"),
]


@pytest.fixture
def result(recorder):
    return AsyncResult(ID, recorder)


def stored(recorder, job):
    recorder.rows["get"] = [] if job is None else [[getattr(job, f.name) for f in fields(JobRow)]]


def outcome(state, **values):
    return Outcome(
        **{"id": ID, "state": state, "result": None, "error": None, "traceback": None, **values}
    )


@pytest.mark.parametrize(("job", "name"), STATES)
def test_states_have_celerys_names(result, recorder, job, name):
    stored(recorder, job)
    assert celery_state(job) == result.state == asyncio.run(result.astate()) == name


@pytest.mark.parametrize(("job", "name"), STATES)
def test_questions_are_answered_by_the_state(result, recorder, job, name):
    stored(recorder, job)
    expected = (name in ("SUCCESS", "FAILURE", "REVOKED"), name == "SUCCESS", name == "FAILURE")
    assert (result.ready(), result.successful(), result.failed()) == expected

    async def asked():
        return (await result.aready(), await result.asuccessful(), await result.afailed())

    assert asyncio.run(asked()) == expected


@pytest.mark.parametrize("job", [None, QUEUED, replace(QUEUED, state="running"), SUCCEEDED])
def test_the_result_is_the_value_or_none_while_there_is_none(result, recorder, job):
    stored(recorder, job)
    value = result.result
    assert value == asyncio.run(result.aresult())
    assert repr(value) == ("{'at': datetime.date(2026, 11, 22)}" if job is SUCCEEDED else "None")


def test_the_result_of_a_failed_job_is_its_error(result, recorder):
    stored(recorder, FAILED)
    error = result.result
    assert isinstance(error, TaskFailed)
    assert (error.type, error.message) == ("ValueError", "no: not so")
    assert result.traceback == error.traceback == asyncio.run(result.atraceback()) == "Traceback …"
    stored(recorder, None)
    assert result.traceback is None


@pytest.mark.parametrize(
    ("error", "shown"),
    [
        ("ZeroDivisionError: no", "ZeroDivisionError: no"),
        ("pgqueue.errors.Retry: again", "None"),  # as in Celery: self.retry() gave no reason
    ],
)
def test_the_result_of_a_job_that_is_to_be_tried_again_is_what_it_is_retried_for(
    result, recorder, error, shown
):
    stored(recorder, replace(QUEUED, failures=1, error=error, traceback="Traceback …"))
    assert str(result.result) == str(result.info) == shown
    assert result.traceback == "Traceback …"


def test_then_hears_of_the_end_once_it_is_there(result, recorder):
    heard = Queue()
    assert result.then(heard.put) is result
    assert heard.empty()
    recorder.future.set_result(outcome("failed"))
    assert heard.get(timeout=10) is result


def test_then_tells_of_what_its_callback_raises(result, recorder):
    heard = Queue()
    result.then({}.__getitem__, on_error=heard.put)
    recorder.future.set_result(outcome("succeeded"))
    assert isinstance(heard.get(timeout=10), KeyError)


# ── get ──


def get(result, timeout=None):
    return result.get(timeout)


def aget(result, timeout=None):
    return asyncio.run(result.aget(timeout))


both_kinds = pytest.mark.parametrize("wait", [get, aget])


@both_kinds
@pytest.mark.parametrize(("text", "value"), [(None, None), ("[1]", [1]), ("null", None)])
def test_get_returns_what_the_task_returned(result, recorder, wait, text, value):
    recorder.future.set_result(outcome("succeeded", result=text))
    assert wait(result) == value


@both_kinds
@pytest.mark.parametrize(
    ("ended", "error", "message"),
    [
        (outcome("failed", error="ValueError: no: not so"), TaskFailed, "ValueError: no: not so"),
        (outcome("failed", error="KeyError"), TaskFailed, "KeyError"),
        (outcome("cancelled", error="expired"), TaskRevokedError, f"job {ID}: expired"),
        (outcome("cancelled"), TaskRevokedError, f"job {ID}: cancelled"),
    ],
)
def test_get_raises_what_became_of_the_job(result, recorder, wait, ended, error, message):
    recorder.future.set_result(ended)
    with pytest.raises(error) as caught:
        wait(result)
    assert str(caught.value) == message


@both_kinds
def test_a_failure_carries_the_traceback_as_text(result, recorder, wait):
    recorder.future.set_result(outcome("failed", error="E: no", traceback="Traceback …"))
    with pytest.raises(TaskFailed) as caught:
        wait(result)
    assert caught.value.traceback == "Traceback …"


@both_kinds
def test_get_gives_up_after_the_timeout_and_its_wait_is_cancelled(result, recorder, wait):
    with pytest.raises(ResultTimeout) as caught:
        wait(result, 0.001)
    assert f"job {ID} had not finished after 0.001 s: there is no such job" in str(caught.value)
    assert recorder.future.cancelled()


@both_kinds
def test_an_error_of_the_wait_itself_is_passed_on(result, recorder, wait):
    recorder.future.set_exception(OSError("wrong password"))
    with pytest.raises(OSError, match="wrong password"):
        wait(result)


# ── acts ──


@pytest.mark.parametrize(
    ("states", "revoked"),
    [
        ([(ID, "cancelled")], True),
        ([(ID, "running")], True),
        ([(ID, "succeeded")], False),
        ([], False),
    ],
)
def test_revoke_tells_whether_the_job_will_not_run_again(result, recorder, states, revoked):
    recorder.rows["cancel"] = states
    assert result.revoke() is asyncio.run(result.arevoke()) is revoked
    assert [query.params for query, _ in recorder.asked] == [{"ids": f"{{{ID}}}"}] * 2


@pytest.mark.parametrize(("rows", "forgotten"), [([(1,)], True), ([], False)])
def test_forget_tells_whether_there_was_anything(result, recorder, rows, forgotten):
    recorder.rows["forget"] = rows
    assert result.forget() is asyncio.run(result.aforget()) is forgotten


# ── identity ──


def test_handles_of_the_same_job_are_equal_wherever_they_were_made(recorder):
    same = [AsyncResult(ID, recorder), AsyncResult(UUID(ID), None), AsyncResult(ID.upper(), None)]
    assert len(set(same)) == 1
    assert same[0] != AsyncResult(uuid4(), recorder)
    assert same[0] != ID
    assert (repr(same[0]), str(same[0])) == (f"<AsyncResult {ID}>", ID)


def test_a_handle_is_of_the_current_application_unless_one_is_given():
    current, other = PgQueue("current"), PgQueue("other", set_as_current=False)
    assert AsyncResult(ID)._database is current
    assert AsyncResult(ID, app=other)._database is other


def test_what_is_no_uuid_has_no_handle(recorder):
    with pytest.raises(InvalidOption, match="task_id='order-1': a job's id is a UUID"):
        AsyncResult("order-1", recorder)
