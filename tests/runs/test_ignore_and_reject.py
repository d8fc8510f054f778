"""`Ignore` and `Reject`: what a task says instead of returning or failing."""

from __future__ import annotations

import pytest

from pgqueue import TaskFailed, TaskRevokedError

WAIT = 30


@pytest.mark.parametrize("task", ["ignored", "aignored"])
def test_an_ignored_run_leaves_neither_result_nor_error_and_is_not_retried(
    worker, send, log_table, until, task
):
    result = send(task)
    assert result.get(WAIT) is None
    assert (result.state, result.ready(), result.successful(), result.failed()) == (
        "IGNORED", True, False, False,
    )  # fmt: skip
    assert result.traceback is None
    assert log_table() == (["ran"] if task == "ignored" else [])


@pytest.mark.parametrize(
    ("meta", "kind", "text"),
    [
        ({"exc_type": "KeyError", "exc_message": ["k", 1]}, KeyError, "KeyError: k, 1"),
        ({"exc_type": "shop.Odd", "exc_message": "so"}, TaskFailed, "shop.Odd: so"),
        ({"why": "x"}, TaskFailed, "Failure: {'why': 'x'}"),
        (None, TaskFailed, "Failure"),
    ],
)
def test_a_state_that_was_set_before_is_what_it_ends_in(worker, send, log_table, meta, kind, text):
    result = send("ignored", "FAILURE", meta)
    with pytest.raises(kind) as caught:
        result.get(WAIT)
    assert (str(caught.value), result.state) == (text, "FAILURE")


def test_so_are_success_and_revoked(worker, send, log_table):
    assert send("ignored", "SUCCESS", {"n": 1}).get(WAIT) == {"n": 1}
    result = send("ignored", "REVOKED")
    with pytest.raises(TaskRevokedError, match="revoked"):
        result.get(WAIT)
    assert result.state == "REVOKED"


def test_a_rejected_job_fails_with_the_reason_and_is_not_retried(worker, send, log_table):
    result = send("rejected", "not in this country")
    with pytest.raises(TaskFailed, match=r"Reject: not in this country"):
        result.get(WAIT)
    assert log_table() == ["ran"]


def test_one_that_is_put_back_runs_again_uncharged(worker, send):
    assert send("put_back").get(WAIT) == [2, 1]
    worker.logged("rejected, and back in the queue: .*not me")


def test_expected_errors_are_told_quietly_and_stored_as_always(worker, send):
    result = send("expecting", "LookupError")
    with pytest.raises(KeyError):
        result.get(WAIT)
    assert "in expecting" in result.traceback
    (line,) = worker.logged(r"failed at attempt 1, as expected: KeyError: 'k'")
    assert "ERROR" not in line
    with pytest.raises(OSError, match="down"):
        send("expecting", "OSError", max_retries=0).get(WAIT)
    worker.logged(r"ERROR.*failed at attempt 1: OSError: down|failed at attempt 1: OSError: down")
