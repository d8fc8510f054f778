"""Who pays for a process that died."""

from __future__ import annotations

import pytest

from pgqueue.rows import ClaimedJob, Finished, Released
from pgqueue.worker.reports import Batch
from pgqueue.worker.verdicts import overdue, post_mortem, told

A, B, C = (
    ClaimedJob(id_, 7, 1, None, None, "default", 0, "now", "t", "[]", "{}", None) for id_ in "abc"
)
CAUSE = "killed by SIGSEGV"


def released(*jobs):
    return [Released(job.id, job.claim) for job in jobs]


def test_who_ran_alone_is_charged():
    fate = post_mortem([A], [], CAUSE)
    ((error, jobs),) = fate.crashed.items()
    assert error == "WorkerLost: the process that ran it was killed by SIGSEGV"
    assert (jobs, fate.suspected, fate.released) == (released(A), {}, [])
    assert told([A], fate) == "; a crash of t[a]"


def test_of_several_nobody_is_charged_and_each_runs_again_alone():
    fate = post_mortem([A, B], [C], CAUSE)
    ((error, jobs),) = fate.suspected.items()
    assert "1 others was killed by SIGSEGV" in error
    assert (jobs, fate.crashed, fate.released) == (released(A, B), {}, released(C))
    assert "2 jobs run again, each alone and uncharged: t[a], t[b]" in told([A, B], fate)


def test_what_has_not_begun_goes_back_as_it_was():
    assert post_mortem([], [A, B], CAUSE) == Batch(released=released(A, B))


@pytest.mark.parametrize("beside", [[], [B]])
def test_who_was_killed_for_its_limit_fails_and_its_neighbours_go_back(beside):
    fate = post_mortem([A, *beside], [C], CAUSE, killed=True, verdict=overdue(A, 5))
    error = "TimeLimitExceeded: it ran for 5 s, its time limit; its process was killed"
    assert fate.finished == [Finished("a", 7, "failed", None, error, "")]
    assert sorted(fate.released) == released(*beside, C)
    assert not fate.crashed
    assert not fate.suspected


def test_who_ended_before_it_was_killed_has_its_own_outcome():
    fate = post_mortem([], [], CAUSE, killed=True, verdict=overdue(A, 5))
    assert not fate


def test_who_was_killed_for_no_fault_of_its_own_goes_back():
    assert post_mortem([A], [], CAUSE, killed=True) == Batch(released=released(A))
