"""Signals and handlers around a run: Celery's names, arguments and order; it ends as it would."""

# Handlers and receivers are given more than they look at.
# ruff: noqa: ARG002

from __future__ import annotations

import asyncio
import logging
from types import TracebackType

import pytest

from pgqueue import Reject, Retry, Task
from pgqueue.hooks import ExceptionInfo
from pgqueue.request import current
from pgqueue.worker import frames

RUN = ("task_received", "task_prerun", "task_success", "task_retry", "task_failure")
RUN += ("task_postrun", "task_internal_error", "task_rejected", "task_unknown", "task_revoked")


def returns(value=3):
    return value


async def areturns(value=3):
    return value


def raises(text="no"):
    raise ValueError(text)


async def araises(text="no"):
    raise ValueError(text)


both = pytest.mark.parametrize(("good", "bad"), [(returns, raises), (areturns, araises)])


@pytest.fixture
def told():
    """What handlers were called with, and what was heard meanwhile, in order."""
    return []


@pytest.fixture
def noting(told):
    """A class of tasks with all handlers."""

    class Noting(Task):
        def before_start(self, task_id, args, kwargs):
            told.append(("before_start", task_id, args, kwargs))

        def on_success(self, retval, task_id, args, kwargs):
            told.append(("on_success", retval, task_id, args, kwargs))

        def on_retry(self, exc, task_id, args, kwargs, einfo):
            told.append(("on_retry", exc, task_id, args, kwargs, einfo))

        def on_failure(self, exc, task_id, args, kwargs, einfo):
            told.append(("on_failure", exc, task_id, args, kwargs, einfo))

        def after_return(self, status, retval, task_id, args, kwargs, einfo):
            told.append(("after_return", status, retval, task_id, args, kwargs, einfo))

    return Noting


@pytest.fixture
def in_order(every, told):
    """Connects to all signals of a run, noted among the handlers."""

    def note(signal, **kwargs):
        told.append((signal.name, kwargs))

    for name in RUN:
        every[name].connect(note)
    yield told
    del note


def names(told):
    return [entry[0] for entry in told]


# ── the order ──


@both
def test_a_success(run, register, noting, in_order, good, bad):
    task = register(noting, good)
    assert run(task, 7).code == frames.SUCCEEDED
    assert names(in_order) == [
        *("task_received", "task_prerun", "before_start"),
        *("on_success", "task_success", "after_return", "task_postrun"),
    ]


@both
def test_a_failure(run, register, noting, in_order, good, bad):
    task = register(noting, bad)
    assert run(task).code == frames.FAILED
    assert names(in_order) == [
        *("task_received", "task_prerun", "before_start"),
        *("on_failure", "task_failure", "after_return", "task_postrun"),
    ]


@both
def test_a_retry(run, register, noting, in_order, good, bad):
    task = register(noting, bad, autoretry_for=[ValueError])
    assert run(task).code == frames.RETRIED
    assert names(in_order) == [
        *("task_received", "task_prerun", "before_start"),
        *("on_retry", "task_retry", "task_postrun"),
    ]


# ── the arguments ──


@both
def test_every_signal_says_exactly_what_it_is_documented_to_say(
    run, tasks, heard, every, good, bad
):
    heard(*RUN)
    run(tasks.task(good), 7)
    run(tasks.task(bad))
    run(tasks.task(name="again", autoretry_for=[ValueError])(bad))
    run(tasks.task(name="late")(good), expires_in=-1e9)
    run(tasks.task(name="broken")(good), raw="[1")
    run(None, name="nobody")
    assert set(heard.names) == set(RUN)
    for name, named in heard:
        assert set(named) == {"sender", *every[name].arguments}, name


@both
def test_a_success_in_detail(run, tasks, heard, job_id, good, bad):
    task = tasks.task(good)
    heard("task_prerun", "task_success", "task_postrun")
    run(task, 7)
    about = {"sender": task, "task": task, "task_id": job_id, "args": [7], "kwargs": {}}
    assert heard.said("task_prerun") == about
    assert heard.said("task_postrun") == {**about, "retval": 7, "state": "SUCCESS"}
    said = heard.said("task_success")
    assert said["sender"] is task
    assert said["result"] == 7
    assert 0 <= said["runtime"] < 60


@both
def test_a_failure_in_detail(run, register, noting, told, heard, job_id, good, bad):
    task = register(noting, bad)
    heard("task_failure", "task_postrun")
    run(task, text="oops")
    said = heard.said("task_failure")
    error, einfo = said["exception"], said["einfo"]
    assert isinstance(error, ValueError)
    assert (said["sender"], said["task_id"], said["args"]) == (task, job_id, [])
    assert said["kwargs"] == {"text": "oops"}
    assert isinstance(said["traceback"], TracebackType)
    assert isinstance(einfo, ExceptionInfo)
    assert (einfo.exception, einfo.type, einfo.tb) == (error, ValueError, said["traceback"])
    assert "Traceback" in str(einfo) == einfo.traceback
    assert einfo.traceback.endswith("ValueError: oops\n")
    assert heard.said("task_postrun")["state"] == "FAILURE"
    assert heard.said("task_postrun")["retval"] is error
    (_, *handled), after = told[1:]
    assert handled == [error, job_id, [], {"text": "oops"}, einfo]
    assert after == ("after_return", "FAILURE", error, job_id, [], {"text": "oops"}, einfo)


@both
def test_a_retry_in_detail(run, register, noting, told, heard, job_id, good, bad):
    task = register(noting, bad, autoretry_for=[ValueError], default_retry_delay=9)
    heard("task_retry", "task_postrun")
    run(task, text="oops")
    said = heard.said("task_retry")
    assert said["sender"] is task
    assert said["request"].id == job_id
    assert isinstance(said["reason"], Retry)
    assert isinstance(said["reason"].exc, ValueError)
    assert said["einfo"].exception is said["reason"].exc
    assert heard.said("task_postrun")["state"] == "RETRY"
    assert heard.said("task_postrun")["retval"] is said["reason"]
    ((_, *handled),) = told[1:]  # and no after_return: it has not ended
    assert handled == [said["reason"].exc, job_id, [], {"text": "oops"}, said["einfo"]]


def test_the_reason_of_a_retry_is_what_the_task_raised(run, tasks, heard):
    raised = []

    @tasks.task(bind=True)
    def again(self):
        try:
            raise self.retry(exc=KeyError("k"), countdown=5)
        except Retry as retry:
            raised.append(retry)
            raise

    heard("task_retry")
    run(again)
    assert heard.said("task_retry")["reason"] is raised[0]


def test_one_that_expired_was_revoked_and_nothing_else(run, tasks, heard, job_id):
    task = tasks.task(returns)
    heard(*RUN)
    assert run(task, 7, expires_in=-1e9).code == frames.CANCELLED
    assert heard.names == ["task_revoked"]
    said = heard.said("task_revoked")
    assert said["sender"] is task
    assert (said["request"].id, said["request"].args) == (job_id, [7])
    assert (said["terminated"], said["signum"], said["expired"]) == (False, None, True)


def test_a_coroutine_that_is_revoked_has_not_failed(run, tasks, heard, job_id):
    async def stopped():
        current.get().revoked = True  # as a child notes that it cancels the run
        raise asyncio.CancelledError

    heard(*RUN)
    assert run(tasks.task(stopped)).code == frames.CANCELLED
    assert heard.names == ["task_received", "task_prerun", "task_revoked", "task_postrun"]
    said = heard.said("task_revoked")
    assert (said["request"].id, said["terminated"], said["expired"]) == (job_id, True, False)
    assert heard.said("task_postrun")["state"] == "REVOKED"


def test_a_coroutine_that_cancels_itself_has_failed(run, tasks, heard):
    async def gives_up():
        raise asyncio.CancelledError

    heard(*RUN)
    assert run(tasks.task(gives_up)).code == frames.FAILED
    assert "task_failure" in heard.names


@pytest.mark.parametrize(("requeue", "then"), [(False, ["task_failure"]), (True, [])])
def test_one_that_is_rejected_for_good_has_failed_but_calls_no_handler(
    run, register, noting, in_order, requeue, then
):
    def rejects():
        raise Reject("not here", requeue=requeue)

    run(register(noting, rejects))
    assert names(in_order)[2:] == ["before_start", "task_postrun", *then]
    assert in_order[3][1]["state"] == "REJECTED"


def test_a_job_of_an_unknown_task(run, heard, job_id):
    heard(*RUN)
    assert run(None, name="nobody").code == frames.FAILED
    assert heard.names == ["task_unknown"]
    said = heard.said("task_unknown")
    assert (said["name"], said["id"]) == ("nobody", job_id)
    assert isinstance(said["exc"], LookupError)


def test_a_job_that_cannot_be_read(run, tasks, heard, job_id):
    heard(*RUN)
    assert run(tasks.task(returns), raw="[1").code == frames.FAILED
    assert heard.names == ["task_rejected", "task_internal_error"]
    assert heard.said("task_internal_error")["task_id"] == job_id


@both
def test_a_receiver_can_be_for_one_task(run, tasks, heard, good, bad):
    one, other = tasks.task(name="one")(good), tasks.task(name="other")(good)
    heard("task_prerun", sender=one)
    run(one)
    run(other)
    assert [named["task"] for _, named in heard] == [one]


# ── inside the run ──


@both
def test_all_of_them_are_inside_the_run(run, tasks, register, every, job_id, good, bad):
    seen = []

    class Looks(Task):
        def before_start(self, *args):
            seen.append(self.request.id)

        def on_failure(self, *args):
            seen.append(self.request.id)

    task = register(Looks, bad)

    def look(**kwargs):
        seen.append(task.request.id)

    every["task_prerun"].connect(look)
    every["task_postrun"].connect(look)
    run(task)
    assert seen == [job_id] * 4


@both
def test_handlers_and_receivers_may_be_coroutines(run, register, every, good, bad):
    seen = []

    class Awaits(Task):
        async def on_success(self, retval, *args):
            seen.append(("on_success", retval))

    @every["task_success"].connect
    async def receiver(result, **kwargs):
        seen.append(("task_success", result))

    run(register(Awaits, good), 7)
    assert seen == [("on_success", 7), ("task_success", 7)]


# ── what goes wrong in them ──


class Fragile(Task):
    """Every handler raises, except before_start."""

    def on_success(self, *args):
        raise KeyError("handler")

    on_retry = on_failure = after_return = on_success


@pytest.mark.parametrize(
    ("options", "function", "code"),
    [
        ({}, "good", frames.SUCCEEDED),
        ({}, "bad", frames.FAILED),
        ({"autoretry_for": [ValueError]}, "bad", frames.RETRIED),
    ],
    ids=["success", "failure", "retry"],
)
@both
def test_handlers_and_receivers_that_raise_do_not_change_how_a_run_ends(
    run, register, every, heard, caplog, good, bad, options, function, code
):
    def receiver(**kwargs):
        raise KeyError("receiver")

    for name in RUN:
        every[name].connect(receiver)
    heard("task_postrun")
    outcome = run(register(Fragile, good if function == "good" else bad, **options))
    assert outcome.code == code
    assert ("KeyError" in "".join(outcome.fields)) is False
    assert heard.names == ["task_postrun"]
    told = [record for record in caplog.records if record.name != "pgqueue.worker"]
    logged = [record for record in told if record.exc_info]
    assert {str(record.exc_info[1]) for record in logged} == {"'handler'", "'receiver'"}


@both
@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt])
def test_not_even_if_they_would_end_the_process(run, register, good, bad, error):
    class Exits(Task):
        def on_success(self, *args):
            raise error

    assert run(register(Exits, good), 7) == (frames.SUCCEEDED, ["7"])


@both
def test_what_on_failure_raises_is_an_internal_error(run, register, heard, job_id, good, bad):
    task = register(Fragile, bad)
    heard("task_internal_error")
    run(task)
    said = heard.said("task_internal_error")
    assert (said["sender"], said["task_id"]) == (task, job_id)
    assert isinstance(said["exception"], KeyError)
    assert said["einfo"].internal


@both
def test_what_before_start_raises_the_task_has_raised(run, register, told, noting, good, bad):
    class Refuses(noting):
        def before_start(self, *args):
            raise LookupError("not today")

    outcome = run(register(Refuses, good))
    assert outcome.code == frames.FAILED
    assert outcome.fields[0] == "LookupError: not today"
    assert names(told) == ["on_failure", "after_return"]


def test_a_run_that_finished_its_job_itself_is_over_for_receivers_too(run, tasks, heard, caplog):
    @tasks.task(bind=True)
    def together(self):
        self.request.finished = True
        raise ValueError("afterwards")

    heard("task_prerun", "task_postrun", "task_failure")
    assert run(together).code == frames.DONE
    assert heard.names == ["task_prerun", "task_postrun"]
    assert heard.said("task_postrun")["state"] == "SUCCESS"
    assert caplog.records[-1].levelno == logging.ERROR


# ── nothing is paid that is not used ──


@both
def test_plain_tasks_make_no_calls_at_all(run, tasks, monkeypatch, good, bad):
    def never(*args):
        raise AssertionError("somebody listens")

    for name in ("act", "aact"):
        monkeypatch.setattr(f"pgqueue.hooks.{name}", never)
    assert run(tasks.task(good)).code == frames.SUCCEEDED
    assert run(tasks.task(bad)).code == frames.FAILED
    assert run(tasks.task(name="again", autoretry_for=[ValueError])(bad)).code == frames.RETRIED
