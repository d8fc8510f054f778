"""Which jobs a child is asked to cancel, for which it is killed, and what it makes of that."""

from __future__ import annotations

import asyncio
import threading

import pytest

from pgqueue import PgQueue
from pgqueue.rows import ClaimedJob
from pgqueue.worker.children import Child, ChildOptions
from pgqueue.worker.executor import Executor
from pgqueue.worker.revoked import AGAIN, COURTESY, FORGOTTEN, Revoked, terminating


def job(number, task="add"):
    return ClaimedJob(f"j{number}", 1, 1, None, None, "default", 0, "now", task, "[]", "{}", None)


@pytest.fixture
def child():
    """A child of two slots with three jobs in its hands."""
    options = ChildOptions("app", 2, "w/1", "info", "human")
    child = Child(options, None, None, None, None)
    child.jobs = {(each.id, each.claim): (each, 0.0) for each in map(job, range(3))}
    return child


def judged(revoked, child, now, *, gentle=False):
    asked, overdue = revoked.judge(child, lambda _: gentle, now)
    return [id_ for id_, _, _ in asked], overdue and (overdue[0].id, overdue[1])


def test_a_child_is_asked_first_and_killed_when_that_was_of_no_use(child):
    revoked = Revoked()
    revoked.add(("j0", 1), "SIGTERM", now=10)
    assert judged(revoked, child, 10) == (["j0"], None)
    assert judged(revoked, child, 10 + COURTESY / 2) == ([], None)
    assert judged(revoked, child, 11) == ([], ("j0", "SIGTERM"))


def test_it_is_killed_at_once_by_the_signal_that_says_so(child):
    revoked = Revoked()
    revoked.add(("j0", 1), "SIGKILL", now=10)
    assert judged(revoked, child, 10) == (["j0"], ("j0", "SIGKILL"))


def test_it_is_not_killed_for_a_job_that_it_has_not_begun(child):
    revoked = Revoked()
    revoked.add(("j2", 1), "SIGKILL", now=10)
    assert judged(revoked, child, 100) == (["j2"], None)
    assert judged(revoked, child, 200) == ([], None)


def test_it_is_not_killed_where_nobody_asked_for_that_until_somebody_does(child):
    revoked = Revoked()
    revoked.add(("j0", 1), None, now=10)
    assert judged(revoked, child, 100) == (["j0"], None)
    revoked.add(("j0", 1), "SIGTERM", now=101)
    revoked.add(("j0", 1), None, now=102)
    assert judged(revoked, child, 102) == ([], ("j0", "SIGTERM"))


def test_a_coroutine_has_longer_and_is_asked_again(child):
    revoked = Revoked()
    revoked.add(("j0", 1), "SIGTERM", now=10)
    assert judged(revoked, child, 10, gentle=True) == (["j0"], None)
    assert judged(revoked, child, 10.5, gentle=True) == ([], None)
    assert judged(revoked, child, 10 + AGAIN, gentle=True) == (["j0"], ("j0", "SIGTERM"))


def test_another_claim_of_the_job_goes_on(child):
    revoked = Revoked()
    revoked.add(("j0", 2), "SIGKILL", now=10)
    assert judged(revoked, child, 10) == ([], None)


def test_a_child_that_was_killed_is_killed_once(child):
    revoked = Revoked()
    revoked.add(("j0", 1), "SIGKILL", now=10)
    child.killed = True
    assert judged(revoked, child, 10) == ([], None)


def test_what_has_ended_or_never_came_is_forgotten(child):
    revoked = Revoked()
    for number in range(3):
        revoked.add((f"j{number}", 1), None, now=10)
    assert revoked.ended(job(0))
    assert not revoked.ended(job(5))
    revoked.forget({("j1", 1)}, now=10 + FORGOTTEN)
    assert (("j1", 1) in revoked, len(revoked)) == (True, 1)


def test_the_log_names_who_runs_again(child):
    child._process = type("Process", (), {"pid": 7})
    said = terminating(child, (job(0), "SIGTERM"))
    assert said == (
        "add[j0] is terminated (SIGTERM): process w/1 (pid 7) is killed; 1 that ran beside it run "
        "again, uncharged"
    )


# ── in the child ──


class Ran:
    """An executor of one slot, and the records that it reports."""

    def __init__(self):
        self.records = []
        self.more = threading.Condition()
        self.begun, self.go_on = threading.Event(), threading.Event()
        app = PgQueue("revoked")

        @app.task(name="hold")
        def hold():
            self.begun.set()
            self.go_on.wait(10)

        @app.task(name="wait", autoretry_for=[BaseException])
        async def wait():
            self.begun.set()
            await asyncio.sleep(100)

        self.tasks = app.tasks
        self.executor = Executor(app.tasks, 1, self.report)

    def report(self, record):
        with self.more:
            self.records.append(record.split("\x1f"))
            self.more.notify_all()

    def submit(self, *jobs):
        fields = [
            [id_, "1", "1", "", "", "default", "0", task, "[]", "{}", ""] for id_, task in jobs
        ]
        self.executor.submit(fields)
        assert self.begun.wait(10)

    def ended(self, count):
        with self.more:
            assert self.more.wait_for(lambda: len(self.records) >= count, 10)
        return [(record[1], record[0], *record[3:4]) for record in self.records]


@pytest.fixture
def ran():
    ran = Ran()
    yield ran
    ran.go_on.set()


def test_a_job_that_waits_for_a_slot_is_given_back_and_a_def_that_runs_is_not(ran):
    ran.submit(("a", "hold"), ("b", "hold"), ("c", "hold"))
    ran.executor.cancel(dict.fromkeys([("a", "1"), ("b", "1"), ("c", "2")], ""))
    assert ran.ended(1) == [("b", "U")]
    ran.go_on.set()
    assert [(id_, code) for id_, code, *_ in ran.ended(3)] == [("b", "U"), ("a", "S"), ("c", "S")]


def test_a_coroutine_is_cancelled_and_its_slot_is_free(ran):
    ran.submit(("a", "wait"), ("b", "hold"))
    ran.begun.clear()
    ran.executor.cancel({("a", "1"): "15"})
    assert ran.ended(1) == [("a", "C", "cancelled")]
    assert ran.begun.wait(10)


def test_declared_limits_come_back(ran):
    hold, wait = ran.tasks["hold"], ran.tasks["wait"]
    declared = hold.limits
    ran.executor.override({"hold": declared._replace(time_limit=5), "unknown": declared})
    ran.executor.override({"wait": declared._replace(time_limit=6)})
    assert (hold.limits, wait.limits.time_limit) == (declared, 6)
    ran.executor.override({})
    assert wait.limits == declared
