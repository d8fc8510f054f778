"""The guide "Tasks": declaring them, what they know, retrying, states, classes and handlers."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pgqueue import MaxRetriesExceededError, PgQueue, Task, TaskFailed, group
from pgqueue.errors import UsageError

PROJECT = "workshop"
WORKER = ("--processes", "1", "-c", "4")
WAIT = 30
PROJECTS = Path(__file__).parent / "projects"


@pytest.fixture
def workshop(project, worker):
    return project("workshop")


@pytest.fixture
def new_app():
    return PgQueue("bench", set_as_current=False)


# ── basics and names ─────────────────────────────────────────────────────────────────────────────


def test_a_task_is_named_by_its_module_and_function(workshop):
    assert workshop.saw.name == "workshop.saw"
    assert workshop.glue.name == "glue-two-boards"
    assert workshop.glue.delay("a", "b").get(timeout=WAIT) == "ab"


def test_other_decorators_stand_below(workshop):
    """The task's decorator is the outermost, and so the last that is applied."""
    assert workshop.doubled.delay(2).get(timeout=WAIT) == 8


def test_a_shared_task_belongs_to_the_current_application(workshop):
    assert workshop.shared.name == "workshop.shared"
    assert workshop.shared.delay(20).get(timeout=WAIT) == 21


def test_options_of_the_decorator_are_attributes_of_the_task(workshop):
    task = workshop.with_options
    options = {
        "max_retries": 5, "default_retry_delay": 30, "rate_limit": "100/m", "time_limit": 60,
        "soft_time_limit": 50, "ignore_result": True, "acks_late": True, "track_started": True,
        "serializer": "json", "throws": (KeyError,), "queue": "bench", "priority": 3,
    }  # fmt: skip
    assert {name: getattr(task, name) for name in options} == options


def test_a_task_in_the_registry_is_the_task(workshop):
    assert workshop.app.tasks["workshop.saw"] is workshop.saw


# ── bound tasks and their request ────────────────────────────────────────────────────────────────


def test_a_bound_task_knows_its_request(workshop):
    result = workshop.about.apply_async((1,), {"k": 2}, headers={"trace": "t"}, priority=4)
    about = result.get(timeout=WAIT)
    assert about["hostname"]
    assert about["delivery_info"]["routing_key"] == "default"
    assert about["delivery_info"]["priority"] == 4
    del about["hostname"], about["delivery_info"]
    assert about == {
        "id": result.id, "args": [1], "kwargs": {"k": 2}, "retries": 0, "is_eager": False,
        "expires": None, "called_directly": False, "headers": {"trace": "t"},
        "root_id": result.id, "parent_id": None, "group": None, "chord": None,
        "correlation_id": result.id, "utc": True, "time_limit": 30, "soft_time_limit": 20,
        "timelimit": [30, 20],
    }  # fmt: skip


def test_a_task_called_directly_has_a_request_that_says_so(workshop):
    assert workshop.about(1)["called_directly"] is True


def test_a_task_that_calls_another_is_its_parent(workshop):
    result = workshop.caller.delay()
    root, parent = workshop.app.AsyncResult(result.get(timeout=WAIT)).get(timeout=WAIT)
    assert (root, parent) == (result.id, result.id)


def test_members_of_a_group_know_it(workshop):
    result = group(workshop.which_group.s(), workshop.which_group.s()).apply_async()
    assert result.get(timeout=WAIT) == [[result.id, 0], [result.id, 1]]


# ── logging ──────────────────────────────────────────────────────────────────────────────────────


def test_the_logger_of_a_task_says_which_one_speaks(workshop, worker):
    result = workshop.talk.delay("mind your fingers")
    result.get(timeout=WAIT)
    (line,) = worker.logged("mind your fingers")
    assert "workshop.talk" in line
    assert result.id in line


# ── arguments ────────────────────────────────────────────────────────────────────────────────────


def test_arguments_are_checked_where_the_task_is_called(workshop):
    with pytest.raises(TypeError, match="missing a required argument"):
        workshop.saw.delay(8)


def test_the_check_can_be_left_to_the_worker(workshop):
    result = workshop.untyped.delay(8)
    with pytest.raises(TypeError, match="missing"):
        result.get(timeout=WAIT)


def test_arguments_and_results_are_models_of_pydantic(workshop):
    pytest.importorskip("pydantic")
    for call in (workshop.Board(length=1), {"length": 1}):
        assert workshop.measure.delay(call).get(timeout=WAIT) == {"text": "1 cm"}
    assert workshop.measure.delay().get(timeout=WAIT) is None
    with pytest.raises(TaskFailed, match="length"):
        workshop.measure.delay({"length": "long"}).get(timeout=WAIT)


# ── retrying ─────────────────────────────────────────────────────────────────────────────────────


def test_retry_runs_the_same_job_again(workshop, journal):
    result = workshop.flaky.delay(2)
    assert result.get(timeout=WAIT) == "done"
    assert journal(result.id) == ["0", "1", "2"]


def test_after_the_last_retry_the_cause_is_raised(workshop):
    with pytest.raises(ConnectionError, match="no glue"):
        workshop.flaky.delay(9).get(timeout=WAIT)


def test_without_a_cause_the_error_says_that_there_were_too_many(workshop):
    with pytest.raises(MaxRetriesExceededError):
        workshop.hopeless.delay().get(timeout=WAIT)


def test_retry_waits_as_long_as_the_task_says_or_the_call(workshop, until):
    slow = workshop.slow_to_retry.delay(None)
    until(lambda: slow.state == "RETRY")
    job = slow.job()
    assert (job.run_at - job.started_at).total_seconds() == pytest.approx(30 * 60, abs=20)
    slow = workshop.slow_to_retry.delay(60)
    until(lambda: slow.state == "RETRY")
    job = slow.job()
    assert (job.run_at - job.started_at).total_seconds() == pytest.approx(60, abs=20)


def test_known_errors_are_retried_by_themselves(workshop, journal):
    result = workshop.autoretried.delay("OSError")
    with pytest.raises(OSError, match="again"):
        result.get(timeout=WAIT)
    assert journal(result.id) == ["0", "1", "2"]


def test_what_must_not_be_retried_is_not(workshop, journal):
    result = workshop.autoretried.delay("FileNotFoundError")
    with pytest.raises(FileNotFoundError):
        result.get(timeout=WAIT)
    assert journal(result.id) == ["0"]


def test_backoff_without_jitter_doubles(workshop, until):
    result = workshop.patient.delay()
    until(lambda: result.state == "RETRY")
    job = result.job()
    assert (job.run_at - job.started_at).total_seconds() == pytest.approx(1, abs=0.5)
    result.revoke()


def test_a_class_brings_options_of_retrying(workshop):
    task = workshop.patient
    assert (task.max_retries, task.retry_backoff, task.retry_backoff_max) == (5, True, 3)
    assert (task.retry_jitter, task.autoretry_for) == (False, (TypeError,))


# ── states ───────────────────────────────────────────────────────────────────────────────────────


def test_a_task_has_states_of_its_own(workshop, lock, until):
    held = lock(9301)
    result = workshop.upload.delay(["a", "b"], held.key)
    until(lambda: result.info == {"current": 1, "total": 2})
    assert result.state == "PROGRESS"
    held.free()
    assert result.get(timeout=WAIT) == 2


def test_an_ignored_result_is_not_kept_but_an_error_is(workshop):
    assert workshop.silent.delay(fail=False).get(timeout=WAIT) is None
    with pytest.raises(ValueError, match="loud"):
        workshop.silent.delay(fail=True).get(timeout=WAIT)


def test_expected_errors_are_logged_without_a_traceback(workshop, worker):
    result = workshop.expected.delay()
    with pytest.raises(KeyError):
        result.get(timeout=WAIT)
    (line,) = worker.logged(f"{result.id}.*no such board|no such board.*{result.id}")
    assert "ERROR" not in line


# ── what a task raises to speak to the worker ────────────────────────────────────────────────────


def test_ignore_ends_a_job_without_a_result(workshop, journal, until):
    result = workshop.ignoring.delay()
    until(lambda: journal(result.id))
    until(result.ready)
    assert result.result is None
    assert not result.failed()


def test_reject_ends_a_job_that_cannot_be_done(workshop):
    result = workshop.rejecting.delay(requeue=False)
    result.get(timeout=WAIT, propagate=False)
    assert (result.failed(), "too big" in str(result.result)) == (True, True)


def test_reject_may_put_the_job_back(workshop):
    assert workshop.rejecting.delay(requeue=True).get(timeout=WAIT) == "received two times"


# ── classes and handlers ─────────────────────────────────────────────────────────────────────────


def test_handlers_are_called_around_a_run(workshop, journal, until):
    result = workshop.handled.delay("go")
    assert result.get(timeout=WAIT) == "go"
    assert until(lambda: len(journal(result.id)) == 4)
    assert journal(result.id) == ["before ['go']", "run", "success go", "return SUCCESS"]


def test_handlers_are_called_around_a_failure(workshop, journal, until):
    result = workshop.handled.delay("fail")
    with pytest.raises(ValueError, match="asked to"):
        result.get(timeout=WAIT)
    assert until(lambda: len(journal(result.id)) == 4)
    assert journal(result.id) == [
        "before ['fail']", "run", "failure asked to True", "return FAILURE",
    ]  # fmt: skip


def test_handlers_are_called_around_a_retry(workshop, journal, until):
    result = workshop.handled.delay("retry")
    assert result.get(timeout=WAIT) == "retry"
    assert until(lambda: len(journal(result.id)) == 7)
    assert journal(result.id) == [
        "before ['retry']", "run", "retry asked to",
        "before ['retry']", "run", "success retry", "return SUCCESS",
    ]  # fmt: skip


def test_one_instance_serves_a_process(workshop):
    first = workshop.counted.delay().get(timeout=WAIT)
    assert workshop.counted.delay().get(timeout=WAIT) == first + 1


def test_a_class_with_run_is_registered(workshop):
    assert workshop.check.delay("george", "password").get(timeout=WAIT) is True
    assert workshop.check.delay("george", "secret").get(timeout=WAIT) is False


def test_one_class_serves_a_whole_application():
    class Named(Task):
        shop = "corner"

    app = PgQueue("whole", task_cls=Named, set_as_current=False)

    @app.task
    def saw():
        pass

    assert saw.shop == "corner"
    assert isinstance(saw, app.Task)


# ── limits and good habits ───────────────────────────────────────────────────────────────────────


def test_a_soft_time_limit_is_raised_in_the_task(workshop):
    assert workshop.long.apply_async((), soft_time_limit=0.2).get(timeout=WAIT) == "cleaned up"


def test_a_hard_time_limit_ends_the_task(workshop):
    result = workshop.long.apply_async((), time_limit=0.3)
    with pytest.raises(TaskFailed, match="TimeLimitExceeded"):
        result.get(timeout=WAIT)


def test_a_task_does_not_wait_for_another(workshop):
    """As in Celery it is an error, unless the task says that it knows what it does."""
    with pytest.raises(TaskFailed, match="waits for job"):
        workshop.waiting.delay(allowed=False).get(timeout=WAIT)
    assert workshop.waiting.delay(allowed=True).get(timeout=WAIT) == "ab"


def test_values_are_json_and_the_place_of_others_is_named(workshop):
    with pytest.raises(UsageError, match=r"args\[0\]"):
        workshop.saw.delay({1, 2}, 3)


def test_importing_a_project_needs_no_database():
    environment = {k: v for k, v in os.environ.items() if k != "PGQUEUE_DSN"}
    script = "import workshop; assert workshop.saw(4, 2) == [2, 2]"
    subprocess.run([sys.executable, "-c", script], env=environment, cwd=PROJECTS, check=True)
