"""The checker itself: it lets pass what may happen, and notices each broken promise.

The histories are made up, in the form in which the triggers note them.
"""

from __future__ import annotations

import pytest
from audit import Change
from ledger import Ledger
from rules import Broken

JOB = "00000000-0000-4000-8000-000000000001"
EARLY, LATE = "2026-01-01T12:00:00+00:00", "2026-01-01T12:00:05+00:00"


def row(state="queued", attempt=0, crashes=0, claim=0, **more):
    told = {"worker_id": None, "run_at": EARLY, "started_at": None, "cancel_requested_at": None}
    told |= {"open_parents": None, "limit_key": None, "due_at": None, "queue": "default"}
    counts = {"state": state, "attempt": attempt, "crashes": crashes, "claim": claim}
    return {"id": JOB, "max_attempts": 3, **counts, **told, **more}


def running(claim=1, attempt=1, crashes=0, **more):
    return row("running", attempt, crashes, claim, **{"worker_id": 1, "started_at": EARLY, **more})


def held(*ids):
    """A ledger in which these jobs, which have one key, are enqueued one after the other."""
    ledger = Ledger()
    for id_ in ids:
        new = row(id=id_, unique="k")
        ledger.note([[Change(id_, "c", "enqueue_unique", "insert", id_, None, None, new)]])
    return ledger


class History:
    """Changes of one job, each in a transaction of its own, as a ledger takes them."""

    def __init__(self):
        self.ledger = Ledger()
        self.ledger.may_be_lost = lambda name: name == "dead"
        self.row = None

    def insert(self, new, statement="enqueue", actor="client"):
        return self._take([Change("1", actor, statement, "insert", JOB, None, None, new)])

    def update(self, statement, actor, new, *, over=False):
        return self._take([Change("1", actor, statement, "update", JOB, over, self.row, new)])

    def move(self, statement, actor, new, *, over=False):
        gone = Change("1", actor, statement, "delete", JOB, over, self.row, None)
        return self._take([gone, Change("1", actor, statement, "insert", JOB, None, None, new)])

    def delete(self, statement, actor="client"):
        return self._take([Change("1", actor, statement, "delete", JOB, None, self.row, None)])

    def stop(self, worker):
        self.ledger.note([[Change("1", "w", "lost", "stop", None, None, None, {"id": worker})]])
        return self

    def _take(self, changes):
        self.ledger.note([changes])
        self.row = changes[-1].new
        return self


def enqueued(**more):
    return History().insert(row(**more))


def claimed(by="w1", **more):
    return enqueued(**more).update("claim", by, running(**more))


def finished():
    return claimed().move("finish", "w1", row("succeeded", 1, 0, 1))


def test_a_job_may_be_claimed_and_end():
    assert finished().ledger.finished() == [JOB]


def test_a_job_may_be_tried_again_and_crash_and_fail():
    history = claimed().update("retry", "w1", row("queued", 1, 0, 1))
    history.update("claim", "dead", running(2, 2))
    history.update("crash", "w1", row("queued", 1, 1, 2), over=True)
    history.update("claim", "w1", running(3, 2, 1))
    history.update("release", "w1", row("queued", 1, 1, 3))
    history.update("claim", "w1", running(4, 2, 1))
    assert history.move("finish", "w1", row("failed", 2, 1, 4)).ledger.finished() == [JOB]


def test_a_job_may_run_again_after_its_end():
    history = finished().move("requeue", "client", row("queued", 0, 0, 1))
    assert history.update("claim", "w2", running(2)).ledger.lives([JOB]) == {JOB: 1}


def test_an_enqueue_may_take_back_what_it_inserted():
    history = finished()
    inner = Change("1", "client", "enqueue_chosen", "delete", JOB, None, row(), None)
    outer = Change("1", "client", "enqueue_chosen", "insert", JOB, None, None, row())
    history.ledger.note([[inner, outer]])
    assert history.ledger.finished() == [JOB]


def let_in(key, *started, queue="default"):
    """As many jobs as there are moments, let in under a key at these moments."""
    ledger = Ledger()
    ledger.rated = {"mail"}
    for number, moment in enumerate(started):
        id_ = f"{JOB[:-1]}{number}"
        told = {"limit_key": key, "due_at": EARLY, "queue": queue}
        old, new = row(**told), running(**told, started_at=moment)
        ledger.note(
            [
                [Change("1", "client", "enqueue_limited", "insert", id_, None, None, old)],
                [Change("2", "w1", "claim_limited", "update", id_, None, old, new)],
            ]
        )
    return ledger


def test_jobs_may_be_let_in_as_their_limits_say():
    let_in("t:two", EARLY, EARLY)
    let_in("t:slow", EARLY, EARLY, LATE, LATE)
    let_in("t:wide", EARLY, EARLY, LATE, LATE, queue="mail")


def test_a_key_may_be_held_by_one_job_after_the_other():
    ledger = held(JOB)
    ledger.stands(JOB, ledger.ended())


BREACHES = {
    "I8: 2 of t:one run": lambda: let_in("t:one", EARLY, EARLY),
    "I8: t:slow started 3 times": lambda: let_in("t:slow", EARLY, EARLY, EARLY),
    "I8: mail started 3 times": lambda: let_in("t:wide", EARLY, EARLY, EARLY, queue="mail"),
    "I8: a plain claim in a queue with a rate": lambda: rated().update(
        "claim", "w1", running(queue="mail")
    ),
    "I8: a limited job is claimed as a plain one": lambda: claimed(limit_key="t:one"),
    "I8: 1 and 2 both hold the key k": lambda: held("1", "2"),
    "I8: 1 has ended, and holds its key": lambda: held("1").stands("1", {"1": 0}),
    "P2: a job is in two places": lambda: enqueued().insert(row()),
    "P2: a job runs once more": lambda: gone().insert(row()),
    "a new job starts at nothing": lambda: enqueued(attempt=1),
    "P1: a job vanished": lambda: finished().delete("finish"),
    "is forgotten, and has not ended": lambda: enqueued().delete("forget"),
    "P2: a row is deleted that was not there": lambda: gone().delete("finish"),
    "a row comes from nowhere": lambda: History().insert(row("failed"), "finish", "w1"),
    "the job is not what its changes say": lambda: claimed()._take(
        [Change("1", "w1", "retry", "update", JOB, False, row(), row())]
    ),
    "P2: a job is claimed that does not wait": lambda: claimed().update("claim", "w2", running(2)),
    "P5: a job runs before its time": lambda: claimed(run_at=LATE),
    "what a claim does": lambda: enqueued().update("claim", "w1", running(0)),
    "P7: a cancelled job runs again": lambda: cancelled().update(
        "claim", "w1", running(2, cancel_requested_at=EARLY)
    ),
    "P7: a cancelled job waits": lambda: claimed(cancel_requested_at=None).update(
        "retry", "w1", row("queued", 1, 0, 1, cancel_requested_at=EARLY)
    ),
    "P2: w2 ends the claim of w1": lambda: claimed().move("finish", "w2", row("failed", 1, 0, 1)),
    "P2: a job ends that does not run": lambda: enqueued().move("finish", "w1", row("failed")),
    "P2: retry takes what does not run": lambda: enqueued().update("retry", "w1", row()),
    "P2: what runs is left to its worker": lambda: claimed().move(
        "cancel", "client", row("cancelled", 1, 0, 1)
    ),
    "P2: what runs again has not ended": lambda: enqueued().move("requeue", "client", row()),
    "P2: a job crashes that does not run": lambda: enqueued(crashes=0).move(
        "crash", "w1", row("failed", 0, 3)
    ),
    "I3: what runs again keeps its claim number": lambda: finished().move(
        "requeue", "client", row()
    ),
    "I4: what release does": lambda: claimed().update("release", "w1", row("queued", 1, 0, 1)),
    "I4: what crash does": lambda: claimed().update("crash", "w1", row("queued", 1, 1, 1)),
    "I4: a job crashes once too often": lambda: often(2).update(
        "crash", "w1", row("queued", 0, 3, 1)
    ),
    "I4: what a last crash does": lambda: claimed().move("crash", "w1", row("failed", 1, 1, 1)),
    "I4: an end changes no count": lambda: claimed().move("finish", "w1", row("failed", 2, 0, 1)),
    "I4: an attempt too many": lambda: many(4).move("finish", "w1", row("failed", 4, 0, 1)),
    "an end is an end": lambda: claimed().move("finish", "w1", row("waiting", 1, 0, 1)),
    "P4: w1 has its lease": lambda: claimed().update("crash", "w2", row("queued", 0, 1, 1)),
    "P4: w1 lives": lambda: claimed().update("crash", "w2", row("queued", 0, 1, 1), over=True),
    "P4: w1 declares itself lost": lambda: claimed().update(
        "crash", "w1", row("queued", 0, 1, 1), over=True
    ),
    "runs in worker 1, which has stopped": lambda: claimed().stop(1),
    "worker 1 has stopped, and is not told so": lambda: History().stop(1).ledger.beaten(1),
    "was acknowledged, and is not there": lambda: History().ledger.enqueued([JOB]),
    "P2: w1 was told that its finish": lambda: claimed().ledger.written("finish", JOB, 1, "w1"),
    "and was cancelled, and will run again": lambda: claimed().ledger.cancelled(
        {JOB: "running"}, {JOB: 0}
    ),
}


def rated():
    history = enqueued(queue="mail")
    history.ledger.rated = {"mail"}
    return history


def gone():
    history = finished()
    history.ledger.jobs[JOB].row = None
    return history


def cancelled():
    history = enqueued()
    history.row = history.ledger.jobs[JOB].row = row(cancel_requested_at=EARLY)
    return history


def often(crashes):
    history = claimed()
    history.row = history.ledger.jobs[JOB].row = running(crashes=crashes)
    return history


def many(attempts):
    history = claimed()
    history.row = history.ledger.jobs[JOB].row = running(attempt=attempts)
    return history


@pytest.mark.parametrize("breach", BREACHES)
def test_a_broken_promise_is_noticed(breach):
    with pytest.raises(Broken, match=breach):
        BREACHES[breach]()
