"""Which change of a job's row which statement may make."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from audit import Change

from pgqueue.allowance import Allowance
from pgqueue.worker.duties import MAX_CRASHES

HISTORY = ("succeeded", "failed", "cancelled")
ENQUEUEING = (
    *("enqueue", "enqueue_chosen", "enqueue_many", "enqueue_limited", "enqueue_canvas"),
    "enqueue_unique",
)
CLAIMING = ("claim", "claim_limited")
CANCELLING = ("cancel", "cancel_requested", "purge")
#: The limits of jobs that have some, by key.
LIMITS = {
    "t:one": Allowance(max_concurrency=1),
    "t:two": Allowance(max_concurrency=2),
    "t:slow": Allowance(rate_limit="1/s", rate_burst=2),
    "t:wide": Allowance(),
}
#: The queue that has a rate in some runs, and which.
RATED, PACE = "mail", Allowance(rate_limit="1/s", rate_burst=2)
#: The time between two starts of what has a rate: a key, the queue.
RATES = {"t:slow": timedelta(seconds=1), RATED: timedelta(seconds=1)}
#: What ends jobs, and follows their edges.
ENDING = ("finish", "crash", *CANCELLING)
#: What goes back to the queue: attempt and crashes before, everything after.
BACK = {
    "retry": lambda attempt, crashes: (attempt, crashes),
    "release": lambda attempt, crashes: (attempt - 1, crashes),
    "reconcile": lambda attempt, crashes: (attempt - 1, crashes),
    "crash": lambda attempt, crashes: (attempt - 1, crashes + 1),
}


#: The state of a job that waited, and whether it still has open parents.
AFTER_WAITING = {("waiting", True), ("waiting", False), ("queued", False)}


class Broken(AssertionError):
    """A promise does not hold."""


def must(holds: object, promise: str) -> None:
    """Raise `Broken` unless it holds."""
    if not holds:
        raise Broken(promise)


def may_change(change: Change) -> None:
    """Hold an update of a row in its place to the rules."""
    old, new, statement = change.old, change.new, change.statement
    state, attempt, crashes, claim = counts(old)
    if state == "waiting":
        must(statement in ENDING, f"{statement} changes a job that waits")
        must(counts(new)[1:] == (attempt, crashes, claim), "what waits is not counted")
        left, before = new["open_parents"], old["open_parents"]
        must(0 <= left <= before, f"I11: {left} parents are open, after {before}")
        must((new["state"], left > 0) in AFTER_WAITING, "I11: a job runs while parents are open")
    elif statement == "replace":
        must(state == "running" and new["open_parents"] > 0, "P2: what is replaced does not run")
        must(counts(new) == ("waiting", attempt, crashes, claim), "what being replaced does")
    elif statement in ("cancel", "purge"):
        must(state == "running" and counts(new) == counts(old), "cancelling marks what runs")
    elif statement == "park":
        must(state == "queued" and counts(new) == counts(old), "what is parked waits, and no more")
        must((new["due_at"], old["limit_key"]) == (old["run_at"], None), "a job is parked once")
    elif statement in CLAIMING:
        limited = old["limit_key"] is not None
        must(
            limited == (statement == "claim_limited"), "I8: a limited job is claimed as a plain one"
        )
        must(state == "queued", "P2: a job is claimed that does not wait")
        must(not old["cancel_requested_at"], "P7: a cancelled job runs again")
        due = old["due_at"] if limited else old["run_at"]
        must(due <= new["started_at"], "P5: a job runs before its time")
        must(counts(new) == ("running", attempt + 1, crashes, claim + 1), "what a claim does")
    else:
        must(statement in BACK, f"{statement} changes a job")
        must(state == "running", f"P2: {statement} takes what does not run")
        after = ("queued", *BACK[statement](attempt, crashes), claim)
        # Of a lost worker's jobs those are not charged that had not begun.
        spared = change.over and counts(new) == ("queued", attempt - 1, crashes, claim)
        must(counts(new) == after or spared, f"I4: what {statement} does")
        must(new["crashes"] < MAX_CRASHES, "I4: a job crashes once too often")


def may_move(change: Change) -> None:
    """Hold a row's way from one place to another to the rules."""
    old, new, statement = change.old, change.new, change.statement
    state, attempt, crashes, claim = counts(old)
    if state == "waiting":
        must(statement in ENDING, f"{statement} ends a job that waits")
        must(new["state"] in HISTORY, "an end is an end")
        must(counts(new)[1:] == (attempt, crashes, claim), "what waits is not counted")
    elif statement == "requeue":
        must(not old["open_parents"], "I11: a job runs that never got what it waited for")
        must(state in HISTORY, "P2: what runs again has not ended")
        must(counts(new) == ("queued", 0, 0, claim), "I3: what runs again keeps its claim number")
    elif statement in CANCELLING:
        must(state == "queued", "P2: what runs is left to its worker")
        must(counts(new) == ("cancelled", attempt, crashes, claim), "what cancelling does")
    elif statement == "crash":
        must(state == "running", "P2: a job crashes that does not run")
        must(counts(new) == ("failed", attempt, MAX_CRASHES, claim), "I4: what a last crash does")
    else:
        must(statement == "finish", f"{statement} ends a job")
        must(state == "running", "P2: a job ends that does not run")
        must(new["state"] in HISTORY, "an end is an end")
        must(counts(new)[1:] == (attempt, crashes, claim), "I4: an end changes no count")
        must(not new["max_attempts"] or attempt <= new["max_attempts"], "I4: an attempt too many")


def counts(row: dict[str, Any]) -> tuple[str, int, int, int]:
    """Return state, attempt, crashes and claim."""
    return row["state"], row["attempt"], row["crashes"], row["claim"]


def within_limits(running: Mapping[str, int], starts: Mapping[str, Sequence[datetime]]) -> None:
    """Hold what runs under each key, and when it or the queue last started, to their limits."""
    for key, allowance in {**LIMITS, RATED: PACE}.items():
        most = allowance.max_concurrency
        must(most is None or running.get(key, 0) <= most, f"I8: {running.get(key)} of {key} run")
        begun = starts.get(key, ()) if allowance.rate_limit else ()
        for since, first in enumerate(begun):
            most = allowance.rate_burst + int((begun[-1] - first) / RATES[key])
            must(
                len(begun) - since <= most, f"I8: {key} started {len(begun) - since} times: {begun}"
            )


def short(change: Change) -> str:
    """Return a change as a line."""
    rows = " -> ".join(str(counts(row)) for row in (change.old, change.new) if row)
    return f"{change.statement} by {change.actor}: {change.act} {change.id[-4:]} {rows}"
