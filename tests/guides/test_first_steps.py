"""The guide "First steps": one module, one worker, one call, its result, and settings."""

from __future__ import annotations

import pytest

import pgqueue

PROJECT = "kitchen"
WAIT = 30


@pytest.fixture
def weigh(project, worker):
    return project("kitchen").weigh


@pytest.fixture
def new_app():
    """An application beside the project's, whose settings a test may change."""
    return pgqueue.PgQueue("kitchen", set_as_current=False)


def test_a_call_is_run_by_the_worker_and_its_result_comes_back(weigh):
    result = weigh.delay(250, 100)
    assert isinstance(result, pgqueue.AsyncResult)
    assert result.get(timeout=WAIT) == 350
    assert result.ready()


def test_a_result_is_not_ready_before_a_worker_has_had_the_job(weigh):
    result = weigh.apply_async((1, 1), queue="nobody serves this one")
    assert result.ready() is False


def test_get_raises_what_the_task_raised(weigh):
    result = weigh.delay(250, "a pinch")
    with pytest.raises(TypeError, match="unsupported operand"):
        result.get(timeout=WAIT)
    assert "in weigh" in result.traceback


def test_get_without_propagate_returns_the_error(weigh):
    error = weigh.delay(250, "a pinch").get(timeout=WAIT, propagate=False)
    assert isinstance(error, TypeError)


def test_the_worker_says_what_it_does(weigh, worker):
    weigh.delay(3, 4).get(timeout=WAIT)
    assert worker.logged("is ready")


def test_the_worker_takes_celerys_short_options(start_worker):
    """The long ones are spelled as in the rest of pgqueue: `--log-level`, `--name`."""
    worker = start_worker("-l", "INFO", "-n", "chef@%h", "-Q", "spare", "-c", "2").ready()
    assert worker.stop() == 0


def test_a_setting_is_an_attribute(new_app):
    new_app.conf.task_serializer = "json"
    assert new_app.conf["task_serializer"] == "json"


def test_many_settings_are_updated_at_once(new_app):
    new_app.conf.update(timezone="Europe/Oslo", enable_utc=True)
    assert new_app.conf.timezone == "Europe/Oslo"


def test_a_module_of_settings_loads_and_what_means_nothing_here_is_said_once(project, new_app):
    project("kitchen_settings")
    with pytest.warns(UserWarning, match="broker_url") as warnings:
        new_app.config_from_object("kitchen_settings", force=True)
    assert len(warnings) == 1
    assert new_app.conf.timezone == "Europe/Oslo"


@pytest.mark.filterwarnings("ignore::pgqueue.ConfigurationWarning")
def test_settings_route_a_task_to_a_queue_and_limit_its_rate(project, new_app):
    project("kitchen_settings")
    new_app.config_from_object("kitchen_settings")

    @new_app.task(name="kitchen.weigh")
    def weigh(flour, sugar):
        return flour + sugar

    assert weigh.job((1, 2), {}, {}).queue == "slow-lane"
    assert weigh.rate_limit == "10/m"


def test_an_id_that_nobody_knows_is_pending(project):
    result = project("kitchen").app.AsyncResult("0198c0de-0000-7000-8000-000000000001")
    assert (result.state, result.ready(), result.result) == ("PENDING", False, None)


@pytest.mark.parametrize("command", [(), ("worker",)], ids=["pgq", "worker"])
def test_help_is_there_to_be_read(pgq, command):
    said = pgq(*command, "--help")
    assert (said.code, "Usage: pgq" in said.out) == (0, True)
