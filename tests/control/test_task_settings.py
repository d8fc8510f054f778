"""What is said of tasks while everything runs: for all workers, also those started later."""

from __future__ import annotations

import pytest

from pgqueue import TimeLimitExceeded

PATIENT = {"reply": True, "timeout": 20.0}


def test_a_time_limit_counts_for_runs_that_begin_after_it(worker, control, send, begun):
    del worker
    before = send("go_on", "sleep")
    begun("sleep")
    (said,) = control.time_limit("go_on", hard=0.3, **PATIENT)
    assert said == {"w1": {"ok": "time limits set successfully"}}
    with pytest.raises(TimeLimitExceeded):
        send("go_on", "spin").get(timeout=10)
    assert before.state == "STARTED"
    assert send("add", 1, 2).get(timeout=10) == 3


def test_limits_are_said_to_the_task_and_to_later_workers(start_worker, control, send):
    control.time_limit("limited", soft=7, hard=9)
    control.time_limit("limits", soft=5)
    start_worker().ready()
    assert send("limited").get(timeout=10) == [9, 7]
    assert send("limits").get(timeout=10) == [None, 5]
    control.time_limit("limited", **PATIENT)
    assert send("limited").get(timeout=10) == [None, None]
    assert send("limited", time_limit=3).get(timeout=10) == [3, None]


def test_a_soft_limit_interrupts_a_def(worker, control, send):
    del worker
    control.time_limit("be_interrupted", soft=0.2, **PATIENT)
    assert send("be_interrupted").get(timeout=10) == "interrupted"


def test_declared_limits_come_back_when_nothing_is_said_any_more(
    worker, control, send, connection, until
):
    del worker
    control.time_limit("limited", hard=9, **PATIENT)
    assert send("limited").get(timeout=10) == [9, None]
    connection.execute("delete from pgqueue.task_settings")
    control.ping(timeout=20)
    until(lambda: send("limited").get(timeout=10) == [60, 50], "the declared limits")


def test_processes_that_are_started_later_know_of_it(worker, control, send):
    del worker
    control.time_limit("limited", hard=9, **PATIENT)
    control.pool_grow(4, **PATIENT)
    control.pool_restart(**PATIENT)
    for _ in range(20):
        assert send("limited").get(timeout=10) == [9, None]


def test_a_task_that_a_worker_does_not_know_is_said_to_be_unknown(worker, control):
    del worker
    for tell in (control.time_limit, control.rate_limit):
        ((_, said),) = tell("nobodys", None, **PATIENT)[0].items()
        assert said == {"error": "unknown task 'nobodys': it is not registered here"}


def test_what_is_said_of_limits_and_of_rates_is_kept_apart(control, connection):
    control.rate_limit("add", "10/m")
    control.time_limit("add", soft=1, hard=2)
    control.time_limit("add", hard=3)
    control.rate_limit("add", None)
    control.rate_limit("hold", 5)
    rows = connection.execute(
        "select task, rate_limit, rate_limit_at is null, time_limit, soft_time_limit, "
        "limits_at is null from pgqueue.task_settings order by task"
    ).fetchall()
    assert rows == [
        ("add", None, False, 3, None, False),
        ("hold", "5/s", False, None, None, True),
    ]


def test_a_rate_alone_leaves_the_declared_limits(start_worker, control, send):
    control.rate_limit("limited", "10/m")
    start_worker().ready()
    assert send("limited").get(timeout=10) == [60, 50]


@pytest.mark.parametrize("rate", ["ten", "10/d", "-1", "10/m ", -1, True, "1/0"])
def test_a_rate_that_is_none_is_refused(control, rate):
    with pytest.raises(ValueError, match="give a number per second, or"):
        control.rate_limit("add", rate)


@pytest.mark.parametrize("limits", [{"soft": 5, "hard": 2}, {"hard": 0}, {"hard": "5"}])
def test_limits_that_are_none_are_refused(control, limits):
    with pytest.raises(ValueError, match="limit"):
        control.time_limit("add", **limits)


@pytest.mark.parametrize("whom", [{"destination": ["w1"]}, {"pattern": "*"}])
def test_what_is_kept_for_all_is_not_said_to_some(control, whom):
    with pytest.raises(ValueError, match="for all workers"):
        control.time_limit("add", hard=5, **whom)
    with pytest.raises(ValueError, match="for all workers"):
        control.rate_limit("add", "5/s", **whom)
