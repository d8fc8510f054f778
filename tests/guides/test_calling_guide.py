"""The guide "Calling tasks": every form of a call, and each of its options."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import psycopg
import pytest

from pgqueue import PgQueue, TaskRevokedError, group
from pgqueue.errors import InvalidOption

PROJECT = "orchard"
APP = "orchard.celery"
WORKER = ("--processes", "1", "-c", "4", "-Q", "default,high.ladder")
WAIT = 30


@pytest.fixture
def tasks(project, worker):
    return project("orchard.tasks")


@pytest.fixture
def app(project):
    return project("orchard.celery").app


# ── the forms ────────────────────────────────────────────────────────────────────────────────────


def test_a_call_with_keywords_in_all_forms(tasks):
    said = [4, True]
    assert tasks.pour.delay(2, other=2, washed=True).get(timeout=WAIT) == said
    result = tasks.pour.apply_async(args=[2, 2], kwargs={"washed": True})
    assert result.get(timeout=WAIT) == said
    assert tasks.pour.apply_async((2, 2), {"washed": True}).get(timeout=WAIT) == said
    assert tasks.pour.s(2, 2, washed=True).apply_async().get(timeout=WAIT) == said
    assert tasks.pour(2, 2, washed=True) == said


def test_a_task_that_is_not_here_is_called_by_its_name(app, tasks):
    assert app.send_task("orchard.tasks.pour", (2, 2)).get(timeout=WAIT) == 4
    sent = app.send_task("orchard.tasks.pour", args=[2], kwargs={"other": 3})
    assert sent.get(timeout=WAIT) == 5


# ── link and link_error ──────────────────────────────────────────────────────────────────────────


def test_a_linked_task_gets_the_result(tasks, journal, until):
    key = uuid.uuid4()
    result = tasks.pour.apply_async((2, 2), link=tasks.note.s(str(key)))
    assert result.get(timeout=WAIT) == 4
    assert until(lambda: journal(key)) == ["4"]


def test_a_list_of_links_is_called_with_the_result(tasks):
    result = tasks.pour.apply_async((2, 2), link=[tasks.pour.s(16), tasks.times.s(3)])
    result.get(timeout=WAIT)
    assert sorted(child.get(timeout=WAIT) for child in result.children) == [12, 20]


def test_a_link_is_not_called_when_the_task_fails(tasks):
    """It ends with the error of the task that it was to follow, and nobody waits for it."""
    after = tasks.pour.s(16).set(task_id=str(uuid.uuid4()))
    result = tasks.rot.apply_async((), link=after)
    with pytest.raises(ValueError, match="something rotten"):
        result.get(timeout=WAIT)
    with pytest.raises(ValueError, match="something rotten"):
        tasks.app.AsyncResult(after["options"]["task_id"]).get(timeout=WAIT)


def test_an_errback_gets_request_exception_and_traceback(tasks, journal, until):
    """It runs as a job of its own, here, and so on any worker."""
    result = tasks.rot.apply_async((1,), link_error=tasks.report.s())
    with pytest.raises(ValueError, match="something rotten"):
        result.get(timeout=WAIT)
    (said,) = until(lambda: journal(result.id))
    assert "something rotten" in said
    assert said.endswith("True")


def test_an_errback_with_one_argument_gets_the_id(tasks, journal, until, app):
    result = app.send_task("orchard.tasks.rot", (1,), link_error=tasks.report_by_id.s())
    (said,) = until(lambda: journal(result.id))
    assert "something rotten" in said


def test_a_list_of_errbacks_is_called(tasks, journal, until):
    result = tasks.rot.apply_async((), link_error=[tasks.report.s(), tasks.report_by_id.s()])
    assert until(lambda: len(journal(result.id)) == 2)


# ── progress ─────────────────────────────────────────────────────────────────────────────────────


def test_a_task_tells_how_far_it_is(tasks, lock, until):
    """`on_message` of `get` has no counterpart: the state and `info` are asked for."""
    held = lock(9101)
    result = tasks.hello.apply_async(args=(1, 1, held.key))
    until(lambda: result.state == "PROGRESS")
    assert result.info == {"progress": 50}
    held.free()
    assert result.get(timeout=WAIT, propagate=False) == "hello world: 2"


# ── when ─────────────────────────────────────────────────────────────────────────────────────────


def test_countdown_is_the_least_time_that_it_takes(tasks):
    began = datetime.now(UTC)
    assert tasks.pour.apply_async((2, 2), countdown=0.5).get(timeout=WAIT) == 4
    assert datetime.now(UTC) - began >= timedelta(seconds=0.5)


def test_eta_is_a_point_in_time_with_or_without_its_zone(tasks, app):
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    assert tasks.pour.apply_async((2, 2), eta=tomorrow).job().run_at == tomorrow
    oslo = tomorrow.astimezone(ZoneInfo("Europe/Oslo"))
    assert tasks.pour.apply_async((2, 2), eta=oslo).job().run_at == tomorrow
    naive = tomorrow.replace(tzinfo=None)  # in the application's timezone: UTC
    assert tasks.pour.apply_async((2, 2), eta=naive).job().run_at == tomorrow


@pytest.mark.parametrize("form", ["seconds", "datetime"])
def test_what_has_expired_is_revoked_and_does_not_run(tasks, journal, form):
    key = str(uuid.uuid4())
    expires = 0.01 if form == "seconds" else datetime.now(UTC) + timedelta(seconds=0.01)
    result = tasks.note.apply_async((1, key), countdown=0.1, expires=expires)
    with pytest.raises(TaskRevokedError):
        result.get(timeout=WAIT)
    assert (result.state, journal(key)) == ("REVOKED", [])


def test_countdown_and_expires_go_together(tasks):
    job = tasks.pour.apply_async((2, 2), countdown=60, expires=120).job()
    assert (job.expires_at - job.run_at).total_seconds() == pytest.approx(60, abs=0.001)


def test_expiry_as_a_date(tasks):
    then = datetime.now(UTC) + timedelta(days=2)
    assert tasks.pour.apply_async((10, 10), expires=then).get(timeout=WAIT) == 20


# ── sending ──────────────────────────────────────────────────────────────────────────────────────


def test_an_id_of_ones_own(tasks):
    """Any UUID; Celery's may be any text."""
    mine = str(uuid.uuid4())
    result = tasks.pour.apply_async((2, 2), task_id=mine)
    assert (result.id, result.get(timeout=WAIT)) == (mine, 4)
    with pytest.raises(InvalidOption, match="my_own_task_id"):
        tasks.pour.apply_async((2, 2), task_id="my_own_task_id")


@pytest.mark.filterwarnings("ignore:retry")
def test_a_policy_for_sending_again_is_taken(tasks):
    """And means nothing, as a warning says: an enqueue is there with the commit, or raises."""
    policy = {"max_retries": 3, "interval_start": 0, "interval_step": 0.2, "interval_max": 1}
    assert tasks.pour.apply_async((2, 2), retry=True, retry_policy=policy).get(timeout=WAIT) == 4
    assert tasks.pour.apply_async((2, 2), retry=False).get(timeout=WAIT) == 4


def test_without_a_database_the_call_says_so(tmp_path):
    """The error is psycopg's own, as it is everywhere in a program that uses PostgreSQL."""
    app = PgQueue("adrift", dsn=f"host={tmp_path} dbname=none", set_as_current=False)
    task = app.task(name="adrift.noop")(lambda: None)
    with pytest.raises(psycopg.OperationalError):
        task.apply_async(retry=False)
    app.close()


def test_json_is_the_serializer_and_there_is_no_other(tasks):
    assert tasks.pour.apply_async((10, 10), serializer="json").get(timeout=WAIT) == 20
    with pytest.raises(InvalidOption, match="pickle"):
        tasks.pour.apply_async((10, 10), serializer="pickle")


@pytest.mark.filterwarnings("ignore:.*compression")
def test_compression_is_left_to_postgresql(tasks):
    assert tasks.pour.apply_async((2, 2), compression="zlib").get(timeout=WAIT) == 4


def test_many_calls_are_better_a_group(tasks):
    numbers = [(2, 2), (4, 4), (8, 8), (16, 16)]
    result = group(tasks.pour.s(i, j) for i, j in numbers).apply_async()
    assert result.get(timeout=WAIT) == [4, 8, 16, 32]


# ── routing and results ──────────────────────────────────────────────────────────────────────────


def test_a_call_names_its_queue(tasks):
    result = tasks.pour.apply_async((2, 2), queue="high.ladder")
    assert (result.get(timeout=WAIT), result.job().queue) == (4, "high.ladder")


def test_a_result_can_be_ignored_call_by_call(tasks):
    assert tasks.pour.apply_async((1, 2), ignore_result=True).get(timeout=WAIT) is None
    assert tasks.pour.apply_async((1, 2), ignore_result=False).get(timeout=WAIT) == 3


def test_what_a_task_ignores_a_call_can_ask_for(tasks, app):
    assert tasks.sweep.delay().get(timeout=WAIT) is None
    assert tasks.sweep.apply_async(ignore_result=False).get(timeout=WAIT) == "swept"
    assert app.send_task("orchard.tasks.sweep").get(timeout=WAIT) is None


def test_headers_travel_with_the_call(tasks):
    result = tasks.headers.apply_async(headers={"periodic_task_name": "nightly"})
    assert result.get(timeout=WAIT)["periodic_task_name"] == "nightly"


def test_priority_is_higher_for_higher_numbers(tasks):
    assert tasks.pour.apply_async((2, 2), priority=9, countdown=600).job().priority == 9
