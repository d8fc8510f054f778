"""`self.retry` and automatic retries, as Celery has them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from pgqueue import MaxRetriesExceededError, TaskFailed, TaskRevokedError, operations

WAIT = 30

both_kinds = pytest.mark.parametrize("task", ["again", "aagain"])


@both_kinds
def test_the_next_attempt_has_the_same_id_and_the_same_arguments(worker, send, task):
    result = send(task, 1, kwargs={"k": 2, "options": {}})
    assert result.get(WAIT) == [[1], {"k": 2}, "default", 0]
    job = result.job()
    assert (job.attempt, job.claim, job.failures) == (2, 2, 1)


@both_kinds
def test_it_has_the_arguments_queue_and_priority_that_the_retry_gives_it(worker, send, task):
    options = {"args": [5], "kwargs": {"n": 6}, "queue": "other", "priority": 3}
    result = send(task, 1, kwargs={"k": 2, "options": options})
    assert result.get(WAIT) == [[5], {"n": 6}, "other", 3]
    job = result.job()
    assert (job.args, job.kwargs, job.queue, job.priority) == ("[5]", '{"n": 6}', "other", 3)


def test_it_has_the_other_options_that_the_retry_gives_it(worker, send):
    due = datetime.now(UTC) + timedelta(hours=1)
    given = {"expires": due, "time_limit": 60, "soft_time_limit": 50, "shadow": "again"}
    given |= {"headers": {"trace": "new"}}
    result = send("again_as", kwargs=given, headers={"trace": "old", "other": 1}, time_limit=70)
    about, job = result.get(WAIT), result.job()
    assert (about["expires"], job.expires_at) == (due.isoformat(), due)
    assert (about["timelimit"], about["shadow"]) == ([60, 50], "again")
    assert about["headers"] == {"trace": "new"}


def test_what_the_retry_does_not_say_stays(worker, send):
    due = datetime.now(UTC) + timedelta(hours=1)
    call = {"expires": due, "headers": {"trace": "old"}, "time_limit": 70, "shadow": "call"}
    about = send("again_as", kwargs={"soft_time_limit": 50}, **call).get(WAIT)
    assert (about["timelimit"], about["shadow"]) == ([70, 50], "call")
    assert (about["expires"], about["headers"]) == (due.isoformat(), {"trace": "old"})


def test_it_can_expire_from_now_on_or_never(worker, send):
    result = send("again_as", kwargs={"countdown": 0.2, "expires": 0.1}, expires=3600)
    with pytest.raises(TaskRevokedError, match="expired"):
        result.get(WAIT)
    assert send("again_as", kwargs={"expires": None}, expires=60).get(WAIT)["expires"] is None


def test_its_result_can_be_left_out_from_now_on(worker, send):
    result = send("again_as", kwargs={"ignore_result": True})
    assert result.get(WAIT) is None
    assert result.job().result is None


def test_a_retry_is_due_when_it_said_and_its_request_knows_that(worker, send):
    result = send("again_as", kwargs={"countdown": 0.1})
    assert result.get(WAIT)["eta"] == result.job().run_at.astimezone(UTC).isoformat()


def test_other_arguments_leave_those_that_they_do_not_concern(worker, send):
    result = send("again", 1, kwargs={"k": 2, "options": {"args": [5]}})
    # `options` itself stays, so that this says where it came from.
    assert result.get(WAIT)[:2] == [[5], {"k": 2}]


def test_a_job_that_is_retried_into_another_queue_is_picked_up_there_at_once(
    worker, send, connection, until
):
    connection.execute("select pgqueue.pause('other')")
    result = send("again", kwargs={"options": {"queue": "other"}})
    until(lambda: result.state == "RETRY")
    assert (result.queue, result.info) == ("other", None)  # as in Celery, without exc=
    connection.execute("select pgqueue.resume('other')")
    assert result.get(WAIT)[2] == "other"


@pytest.mark.parametrize("then", ["return", "raise"])
def test_without_throw_the_task_goes_on_and_the_job_runs_again_whatever_it_does(
    worker, send, log_table, app, then
):
    result = send("again_quietly", then)
    assert result.get(WAIT) == "second"
    assert log_table() == ["tidied up"]
    (first,) = app.run(operations.attempts(result.id))
    assert first.error == "OSError: first"


def test_past_the_limit_the_original_exception_is_raised_with_its_traceback(worker, send):
    with pytest.raises(KeyError) as caught:
        send("again_over", "as it is", max_retries=0).get(WAIT)
    assert caught.value.message == "'as it is'"
    assert "{}[cause]" in caught.value.traceback


def test_past_the_limit_without_one_it_is_celerys_error(worker, send):
    with pytest.raises(MaxRetriesExceededError, match="was tried 1 times") as caught:
        send("again_over", "unknown", max_retries=0).get(WAIT)
    assert isinstance(caught.value, TaskFailed)


def test_retry_kwargs_are_those_of_automatic_retries(worker, send):
    result = send("limited", max_retries=5)
    with pytest.raises(OSError, match="down"):
        result.get(WAIT)
    assert result.job().attempt == 3
