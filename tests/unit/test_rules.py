"""Which jobs run alone: those with a limit that ends a process, and those under suspicion."""

from __future__ import annotations

import pytest

from pgqueue.limits import Limits
from pgqueue.rows import ClaimedJob
from pgqueue.worker.rules import Rules

HELLO = {
    "limits": {"hard": [60, None], "soft": [None, 50], "asoft": [None, 50], "ahard": [60, 50]},
    "coroutines": ["asoft", "ahard", "aplain"],
}


def rules(**limits):
    made = Rules(Limits(**limits))
    made.learn(HELLO)
    return made


def job(task, headers=None):
    return ClaimedJob("1", 1, 1, None, None, "default", 0, "now", task, "[]", "{}", headers)


def alone(task, headers=None, **limits):
    """What a job has to itself: () nothing, else its hard limit."""
    shared, apart = rules(**limits).divide([job(task, headers)])
    assert len(shared) + len(apart) == 1
    return tuple(each.time_limit for each in apart)


@pytest.mark.parametrize(
    ("task", "time_limits"),
    [("plain", ()), ("aplain", ()), ("hard", (60,)), ("soft", (None,)), ("asoft", ()),
     ("ahard", (60,))],
)  # fmt: skip
def test_tasks_with_a_hard_limit_run_alone_and_def_tasks_with_a_soft_one(task, time_limits):
    assert alone(task) == time_limits


@pytest.mark.parametrize(
    ("task", "headers", "time_limits"),
    [
        ("plain", '{"pgqueue": {"time_limit": 5}}', (5,)),
        ("hard", '{"pgqueue": {"time_limit": 5}}', (5,)),
        ("hard", '{"pgqueue": {"soft_time_limit": 5}}', (60,)),
        ("plain", '{"pgqueue": {"soft_time_limit": 5}}', (None,)),
        ("aplain", '{"pgqueue": {"soft_time_limit": 5}}', ()),
        ("aplain", '{"pgqueue": {"alone": true}}', (None,)),
        ("plain", '{"t": "pgqueue"}', ()),
        ("plain", '{"t": {"pgqueue": {"time_limit": 5}}}', ()),
    ],
)
def test_a_call_has_the_first_word(task, headers, time_limits):
    assert alone(task, headers) == time_limits


def test_the_worker_has_the_last_word():
    assert alone("plain", time_limit=9.0) == (9,)
    assert alone("hard", time_limit=9.0) == (60,)
    assert alone("aplain", soft_time_limit=9.0) == ()


@pytest.mark.parametrize(
    "headers",
    ['{"pgqueue": ', '["pgqueue"]', '{"pgqueue": 1}', '{"pgqueue": {"time_limit": "x"}}',
     '{"pgqueue": {}, "deep": ' + "[" * 10**5 + "]" * 10**5 + "}",
     '{"pgqueue": {}, "n": ' + "1" * 10**4 + "}"],
)  # fmt: skip
def test_headers_that_cannot_be_read_stop_nobody(headers):
    """Not the supervisor, at least: the child finds out as well, and fails the job."""
    assert alone("plain", headers) == ()


def test_the_others_keep_their_order():
    jobs = [job(task)._replace(id=str(n)) for n, task in enumerate(["a", "hard", "b", "soft", "c"])]
    shared, apart = rules().divide(jobs)
    assert [each.task for each in shared] == ["a", "b", "c"]
    assert [each.job.task for each in apart] == ["hard", "soft"]
