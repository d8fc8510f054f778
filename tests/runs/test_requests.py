"""`self.request`: what a task knows of its run."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from pgqueue import chain
from pgqueue.canvas.signature import Signature
from support.speaking import app as speaking

WAIT = 30


def test_a_run_knows_all_that_celery_tells_and_what_is_ours(worker, send):
    result = send("request", 1, kwargs={"k": 2}, headers={"trace": "t"}, priority=7)
    assert result.get(WAIT) == {
        "id": result.id, "task": "request", "queue": "default", "args": [1], "kwargs": {"k": 2},
        "retries": 0, "attempt": 1, "claim": 1, "max_retries": 3, "hostname": "here",
        "delivery_info": {"exchange": "", "routing_key": "default", "priority": 7,
                          "redelivered": False, "is_eager": False},
        "headers": {"trace": "t"}, "root_id": result.id, "parent_id": None,
        "correlation_id": result.id, "utc": True, "timelimit": [None, None], "time_limit": None,
        "soft_time_limit": None, "expires": None, "ignore_result": False, "is_eager": False,
        "called_directly": False, "shadow": None, "priority": 7, "group": None,
        "group_index": None, "chord": None, "eta": None,
    }  # fmt: skip


def test_what_the_call_says_of_the_run_is_there(worker, send):
    due = datetime.now(UTC) + timedelta(hours=1)
    result = send("request", time_limit=60, soft_time_limit=50, expires=due, shadow="import")
    about = result.get(WAIT)
    assert (about["timelimit"], about["shadow"]) == ([60, 50], "import")
    assert (about["expires"], about["eta"]) == (due.isoformat(), None)
    assert about["headers"] == {}


def test_it_knows_when_it_was_to_run_and_expires_to_the_microsecond(worker, send):
    due = datetime.now(UTC) + timedelta(seconds=1)
    about = send("request", eta=due.astimezone(timezone(timedelta(hours=5)))).get(WAIT)
    assert (about["eta"], about["expires"]) == (due.isoformat(), None)
    result = send("request", countdown=0.1, expires=60)
    about, row = result.get(WAIT), result.job()
    assert about["eta"] == row.run_at.astimezone(UTC).isoformat()
    assert about["expires"] == row.expires_at.astimezone(UTC).isoformat()


def test_who_comes_after_others_was_to_run_at_no_time_unless_its_call_says_so(worker, app):
    step = Signature("request", immutable=True, app=app)
    last = chain(step, step.clone().set(expires=60), step.clone().set(countdown=0.1))()
    row = last.get(WAIT) and last.job()
    assert last.parent.get(WAIT)["eta"] is None
    assert last.get(WAIT)["eta"] == row.run_at.astimezone(UTC).isoformat()


def test_a_job_that_was_claimed_more_often_than_tried_is_redelivered(worker, send, connection):
    connection.execute("select pgqueue.pause('default')")
    result = send("request")
    connection.execute("update pgqueue.jobs_live set claim = 4 where id = %s", [result.id])
    connection.execute("select pgqueue.resume('default')")
    about = result.get(WAIT)
    assert (about["claim"], about["attempt"]) == (5, 1)
    assert about["delivery_info"]["redelivered"]


@pytest.mark.parametrize("name", ["request", "working"])
def test_outside_of_a_worker_it_says_that_it_was_called_directly(name):
    request = speaking.tasks[name].request
    assert (request.called_directly, request.is_eager, request.id) == (True, False, None)


def test_a_job_that_a_run_enqueues_knows_its_parent_and_root(worker, send, app):
    result = send("parent")
    for child in result.get(WAIT):
        job = app.AsyncResult(child).job()
        assert (job.parent_id, job.root_id) == (result.id, result.id)
