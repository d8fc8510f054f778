"""The guide "Next steps": a project of several modules, calls, states, signatures, routing."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest

from pgqueue import UsageError, chain, chord, group

PROJECT = "orchard"
APP = "orchard.celery"
WORKER = ("-l", "INFO", "--processes", "1", "-c", "4", "-Q", "default,ladder")
WAIT = 30


@pytest.fixture
def tasks(project, worker):
    return project("orchard.tasks")


def test_the_application_is_found_in_the_package_and_brings_its_tasks(worker):
    """`-A orchard` finds `orchard.celery`, and `include` imports `orchard.tasks`."""
    assert worker.process.poll() is None


@pytest.mark.parametrize("app", ["orchard", "orchard.celery", "orchard.celery:app"])
def test_every_form_of_naming_the_application_is_known(pgq, worker, app):
    said = pgq("call", "orchard.tasks.pour", "--args", "[1, 2]", "--wait", app=app)
    assert (said.code, said.out.strip().endswith("3")) == (0, True), said.err


# ── calling ──────────────────────────────────────────────────────────────────────────────────────


def test_delay_is_short_for_apply_async(tasks):
    assert tasks.pour.delay(2, 2).get(timeout=WAIT) == 4
    assert tasks.pour.apply_async((2, 2)).get(timeout=WAIT) == 4


def test_apply_async_takes_a_queue_and_a_countdown(tasks):
    before = datetime.now(UTC)
    job = tasks.pour.apply_async((2, 2), queue="later", countdown=10).job()
    assert job.queue == "later"
    assert (job.run_at - before).total_seconds() == pytest.approx(10, abs=5)


def test_a_call_of_the_task_itself_runs_here(tasks):
    assert tasks.pour(2, 2) == 4


def test_a_result_has_a_uuid(tasks):
    assert UUID(tasks.pour.delay(2, 2).id)


def test_the_error_of_a_task_is_raised_where_the_result_is_asked_for(tasks):
    result = tasks.pour.delay(2, "2")
    with pytest.raises(TypeError, match="unsupported operand"):
        result.get(timeout=WAIT)
    assert isinstance(result.get(propagate=False), TypeError)
    assert (result.failed(), result.successful(), result.state) == (True, False, "FAILURE")


def test_the_state_goes_from_pending_over_started_to_success(tasks, lock, until):
    """STARTED is always there: nothing has to be set for it."""
    held = lock(9001)
    result = tasks.hold.delay("apples", held.key)
    until(lambda: result.state == "STARTED")
    held.free()
    assert (result.get(timeout=WAIT), result.state) == ("apples", "SUCCESS")


def test_a_task_that_is_tried_again_shows_it(tasks, until, journal):
    result = tasks.third_time.delay(countdown=0)
    assert result.get(timeout=WAIT) == 2
    assert journal(result.id) == ["0", "1", "2"]
    later = tasks.third_time.delay(countdown=600)
    until(lambda: later.state == "RETRY")


def test_an_unknown_id_is_pending_and_an_impossible_one_is_refused(project):
    """An id is a UUID here: what cannot be one is said to be so at once."""
    app = project("orchard.celery").app
    assert app.AsyncResult("0198c0de-0000-7000-8000-000000000001").state == "PENDING"
    with pytest.raises(UsageError, match="no-such-id"):
        app.AsyncResult("no-such-id")


# ── signatures ───────────────────────────────────────────────────────────────────────────────────


def test_a_signature_holds_a_call_with_its_options(tasks):
    signature = tasks.pour.signature((2, 2), countdown=10)
    assert repr(signature) == "orchard.tasks.pour(2, 2)"
    assert tasks.pour.s(2, 2).set(countdown=10) == signature


def test_a_signature_is_called_as_a_task_is(tasks):
    signature = tasks.pour.s(2, 2)
    assert signature.delay().get(timeout=WAIT) == 4
    assert signature.apply_async().get(timeout=WAIT) == 4
    assert signature() == 4


def test_a_partial_signature_is_completed_by_the_call(tasks):
    assert tasks.take.s(2).delay(8).get(timeout=WAIT) == 6


def test_keywords_of_the_call_win_over_those_of_the_signature(tasks):
    signature = tasks.pour.s(2, 2, washed=True)
    assert signature.delay(washed=False).get(timeout=WAIT) == [4, False]


# ── the primitives ───────────────────────────────────────────────────────────────────────────────


def test_a_group_returns_its_results_in_order(tasks):
    assert group(tasks.pour.s(i, i) for i in range(10))().get(timeout=WAIT) == list(range(0, 20, 2))


def test_a_partial_group_gives_the_argument_to_all(tasks):
    partial = group(tasks.pour.s(i) for i in range(10))
    assert partial(10).get(timeout=WAIT) == list(range(10, 20))


def test_a_chain_hands_results_on(tasks):
    assert chain(tasks.pour.s(4, 4) | tasks.times.s(8))().get(timeout=WAIT) == 64
    assert (tasks.pour.s(4, 4) | tasks.times.s(8))().get(timeout=WAIT) == 64


def test_a_partial_chain_gives_the_argument_to_its_first(tasks):
    assert chain(tasks.pour.s(4) | tasks.times.s(8))(4).get(timeout=WAIT) == 64


def test_a_chord_is_a_group_with_a_task_after_it(tasks):
    header = (tasks.pour.s(i, i) for i in range(10))
    assert chord(header, tasks.count_all.s())().get(timeout=WAIT) == 90
    grouped = group(tasks.pour.s(i, i) for i in range(10))
    assert (grouped | tasks.count_all.s())().get(timeout=WAIT) == 90


def test_a_task_may_be_followed_by_a_group(tasks):
    fan = tasks.pour.s(1, 1) | group(tasks.times.s(factor) for factor in (2, 3))
    assert fan().get(timeout=WAIT) == [4, 6]


# ── routing, remote control, time ────────────────────────────────────────────────────────────────


def test_the_queue_of_a_task_comes_from_the_settings_or_from_the_call(project, tasks):
    app = project("orchard.celery").app
    routes = app.conf.task_routes
    app.conf.update(task_routes={"orchard.tasks.pour": {"queue": "ladder"}})
    try:
        result = tasks.pour.delay(2, 2)
    finally:
        app.conf.task_routes = routes
    assert (result.get(timeout=WAIT), result.job().queue) == (4, "ladder")
    result = tasks.pour.apply_async((2, 3), queue="ladder")
    assert (result.get(timeout=WAIT), result.job().queue) == (5, "ladder")


def test_a_worker_serves_the_queues_that_it_is_told(tasks, start_worker):
    start_worker("-Q", "pears,plums", "-c", "1").ready()
    assert tasks.pour.apply_async((2, 2), queue="plums").get(timeout=WAIT) == 4


def test_workers_say_what_they_run(pgq, tasks, lock, until):
    held = lock(9002)
    result = tasks.hold.delay("apples", held.key)
    until(lambda: result.state == "STARTED")
    assert result.id in pgq("inspect", "active", "--json", "-t", str(WAIT)).out
    held.free()
    result.get(timeout=WAIT)


def test_events_need_not_be_turned_on(pgq, worker):
    """What happened is in the tables: there is nothing to turn on, and the command says so."""
    said = pgq("control", "enable_events")
    assert (said.code, "nothing to enable" in said.out) == (0, True), said


def test_status_shows_the_workers(pgq, worker):
    said = pgq("status")
    assert (said.code, "1" in said.out) == (0, True)


def test_the_timezone_is_a_setting(project):
    app = project("orchard.celery").app
    app.conf.timezone = "Europe/London"
    try:
        assert str(app.conf.timezone) == "Europe/London"
    finally:
        app.conf.timezone = "UTC"
