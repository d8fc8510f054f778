"""What the handle of a job says and does, with a real worker."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from pgqueue import InvalidWait, ResultTimeout, Signature, TaskFailed, chain

WAIT = 30


def test_it_knows_the_call_and_the_run(worker, send):
    result = send("echo", 1, kwargs={"k": 2}, queue="other")
    result.get(WAIT)
    assert (result.name, result.args, result.kwargs, result.queue) == (
        "echo", [1], {"k": 2}, "other",
    )  # fmt: skip
    assert (result.task_id, result.status) == (result.id, "SUCCESS")
    assert (result.worker, result.retries) == ("here", 0)
    assert abs(datetime.now(UTC) - result.date_done) < timedelta(minutes=5)
    assert result.as_tuple() == ((result.id, None), None)


def test_an_unknown_id_is_told_from_a_job_that_waits(app, send):
    unknown = app.AsyncResult(uuid4())
    assert (unknown.state, unknown.exists(), unknown.name, unknown.worker) == (
        "PENDING", False, None, None,
    )  # fmt: skip
    assert send("echo").exists()
    assert asyncio.run(exists_twice(app, unknown)) == (False, False)


async def exists_twice(app, result):
    try:
        return await result.aexists(), result.exists()
    finally:
        await app.aclose()


@pytest.mark.parametrize(
    ("kind", "caught_as"), [("ValueError", ValueError), ("KeyError", KeyError)]
)
def test_what_is_built_into_python_is_raised_as_what_it_was(worker, send, kind, caught_as):
    with pytest.raises(caught_as) as caught:
        send("raises", kind).get(WAIT)
    assert isinstance(caught.value, TaskFailed)
    assert caught.value.type == kind


def test_a_class_of_somebody_elses_is_a_name_and_never_imported(worker, send):
    with pytest.raises(TaskFailed) as caught:
        send("raises", "Own").get(WAIT)
    assert type(caught.value) is TaskFailed
    assert caught.value.type == "support.speaking.Own"


def test_errors_can_be_had_instead_of_raised(worker, send):
    result = send("raises", "KeyError")
    heard = []
    error = result.get(WAIT, propagate=False, callback=lambda *about: heard.append(about))
    assert isinstance(error, KeyError)
    assert heard == [(result.id, error)]
    with pytest.raises(KeyError):
        result.maybe_throw()
    with pytest.raises(KeyError):
        result.maybe_reraise()
    assert isinstance(result.maybe_throw(propagate=False), KeyError)


def test_a_callback_hears_of_the_value(worker, send):
    heard = []
    result = send("echo", 1)
    result.get(WAIT, callback=lambda *about: heard.append(about))
    assert heard == [(result.id, [[1], {}])]
    assert result.wait(WAIT, interval=0.1) == [[1], {}]


def test_revoke_can_wait_for_the_end(worker, send, lock, until):
    free = lock(1).free
    result = send("working", 1)
    until(lambda: result.state == "PROGRESS")
    with pytest.raises(ResultTimeout):
        result.revoke(wait=True, timeout=0.01)
    free()
    assert result.revoke(wait=True, timeout=WAIT) is False or result.ready()
    queued = send("echo", countdown=3600)
    assert queued.revoke(wait=True, timeout=WAIT)
    assert queued.state == "REVOKED"


def test_in_a_task_nobody_waits_for_a_result_by_accident(worker, send):
    for result in (send("waits", "forbidden"), send("awaits")):
        with pytest.raises(TaskFailed, match=r"InvalidWait: .* waits for job .* take all slots"):
            result.get(WAIT)
    assert issubclass(InvalidWait, RuntimeError)


@pytest.mark.parametrize("how", ["block", "argument"])
def test_who_says_so_may_wait(worker, send, how):
    assert send("waits", how).get(WAIT) == [[how], {}]


def test_a_result_that_is_ignored_is_not_stored_and_an_error_is(worker, send):
    result = send("echo", 1, ignore_result=True)
    assert result.get(WAIT) is None
    assert (result.state, result.job().result) == ("SUCCESS", None)
    assert send("request", ignore_result=True).get(WAIT) is None
    with pytest.raises(KeyError):
        send("raises", "KeyError", ignore_result=True).get(WAIT)


def test_the_task_or_the_call_says_whether_a_result_is_ignored(worker, send):
    assert send("forgetful", 1).get(WAIT) is None
    assert send("forgetful", 1, ignore_result=False).get(WAIT) == 1


def test_what_another_job_waits_for_is_handed_on_all_the_same(worker, app):
    first = Signature("forgetful", [1], app=app)
    assert chain(first, Signature("echo", app=app))().get(WAIT) == [[1], {}]


def test_an_ignored_run_ends_what_waits_for_it(worker, app, log_table):
    last = chain(Signature("ignored", app=app), Signature("echo", app=app))()
    assert last.get(WAIT) is None
    assert (last.state, last.job().attempt) == ("IGNORED", 0)
