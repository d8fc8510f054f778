"""What may happen to a job, and what was promised: every change and every answer is held to it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import rules
from audit import Change
from rules import HISTORY, Broken, must


@dataclass
class Job:
    """A job as its committed changes say it is."""

    #: Its row, None if it has none.
    row: dict[str, Any] | None = None
    #: Which process made which claim.
    claimants: dict[int, str] = field(default_factory=dict)
    #: How which claim ended, and by whose hand.
    ends: dict[int, tuple[str, str]] = field(default_factory=dict)
    #: How often it was made to run again after its end.
    lives: int = 0
    #: How it ended for the first time.
    first_end: str | None = None
    #: How often it stopped waiting for others, to run.
    releases: int = 0


class Ledger:
    """All jobs of a run, and what clients and workers were told of them."""

    def __init__(self) -> None:
        self.jobs: dict[str, Job] = {}
        #: Enqueued and acknowledged; rolled back; forgotten.
        self.promised: list[str] = []
        self.undone: set[str] = set()
        self.forgotten: set[str] = set()
        #: For whom a job waits. For whose failures an errback is. What belongs to a canvas whose
        #: client does not know yet that it is there.
        self.parents: dict[str, list[str]] = {}
        self.errbacks: dict[str, list[str]] = {}
        self.unanswered: set[str] = set()
        #: What has just left the jobs that wait: id, statement, state.
        self._left: list[tuple[str, str, str]] = []
        #: When jobs of a key started, and those of a queue that has a rate.
        self.starts: dict[str, list[datetime]] = {}
        self.rated: set[str] = set()
        #: The workers that have stopped, by themselves or declared so.
        self.stopped: set[int] = set()
        self._leaving: Change | None = None
        #: Whether a process has given others a reason to think that it died.
        self.may_be_lost: Callable[[str], bool] = bool

    # ── what happened ──

    def note(self, transactions: Iterable[list[Change]]) -> None:
        """Take what transactions did, a list per transaction and job; raises `Broken`."""
        for changes in transactions:
            if changes[0].id is None:
                self.stopped.update(change.new["id"] for change in changes)
            else:
                self._note(changes[0].id, changes)
        for each in self._left:
            self._had_reason_to_leave(*each)
        self._left.clear()
        running: Counter[str] = Counter()
        holders: dict[str, str] = {}
        for id_ in self.unfinished():
            row = self.jobs[id_].row
            if row["state"] == "running" and row["limit_key"]:
                running[row["limit_key"]] += 1
            if key := row.get("unique"):
                other = holders.setdefault(key, id_)
                must(other == id_, f"I8: {other} and {id_} both hold the key {key}")
            if row["state"] == "waiting":
                ends = self._ends_of_parents(id_)
                must(not ends or None in ends, f"I11: {id_} waits, and all its parents have ended")
                must({*ends} <= {None, "succeeded"}, f"I11: {id_} waits in vain: {ends}")
            stuck = row["state"] == "running" and row["worker_id"] in self.stopped
            must(not stuck, f"I9: {id_} runs in worker {row['worker_id']}, which has stopped")
        rules.within_limits(running, self.starts)

    def _note(self, id_: str, changes: list[Change]) -> None:
        if _is_nothing(changes):
            return
        job = self.jobs.setdefault(id_, Job())
        for change in changes:
            try:
                self._follow(job, change)
            except Broken as broken:
                raise Broken(f"{broken}: {rules.short(change)}; {job}") from None
            job.row = change.new
        if job.row and job.row["state"] == "queued":
            must(not job.row["cancel_requested_at"], f"P7: a cancelled job waits: {changes}")
        if job.row is None:
            last = changes[-1]
            must(last.statement == "forget", f"P1: a job vanished: {rules.short(last)}")
            must(last.old["state"] in HISTORY, f"P1: {id_} is forgotten, and has not ended")
            self.forgotten.add(id_)

    def _follow(self, job: Job, change: Change) -> None:
        if change.act == "delete":
            must(job.row, "P2: a row is deleted that was not there")
            self._leaving = change
        elif change.act == "insert":
            must(job.row is None, "P2: a job is in two places")
            left = self._leaving if self._leaving and self._leaving.id == change.id else None
            self._leaving = None
            if change.statement in rules.ENQUEUEING:
                must(not job.claimants or change.id in self.forgotten, "P2: a job runs once more")
                waits = change.new["open_parents"] and change.statement == "enqueue_canvas"
                start = ("waiting" if waits else "queued", 0, 0, 0)
                must(rules.counts(change.new) == start, "a new job starts at nothing")
            elif change.id in self.errbacks and not left:
                must(change.statement in rules.ENDING, "an errback comes with an end")
                must(not job.first_end or change.id in self.forgotten, "I12: an errback runs twice")
                must(rules.counts(change.new) == ("queued", 0, 0, 0), "a new job starts at nothing")
            else:
                must(left, "a row comes from nowhere")
                change = change._replace(old=left.old, over=left.over)
                rules.may_move(change)
                job.first_end = job.first_end or change.new["state"]
                self._leave(job, change)
                job.lives += change.statement == "requeue"
                self._end(job, change)
        else:
            must(change.old == job.row, "the job is not what its changes say")
            rules.may_change(change)
            if change.statement in rules.CLAIMING:
                job.claimants[change.new["claim"]] = change.actor
            if change.statement in rules.CLAIMING:
                limited = {change.new["limit_key"]} - {None} | {change.new["queue"]} & self.rated
                must(limited.isdisjoint(self.rated) or change.statement == "claim_limited",
                     "I8: a plain claim in a queue with a rate")  # fmt: skip
                begun = datetime.fromisoformat(change.new["started_at"])
                for key in limited:
                    self.starts.setdefault(key, []).append(begun)
            self._leave(job, change)
            self._end(job, change)

    def _leave(self, job: Job, change: Change) -> None:
        """Note that a job waits no longer; why is asked when the whole transaction is known."""
        state = change.new["state"]
        if change.old["state"] != "waiting" or state == "waiting":
            return
        self._left.append((change.id, change.statement, state))
        job.releases += state == "queued"
        must(job.releases <= 1, "I11: a job is released twice")

    def _had_reason_to_leave(self, id_: str, statement: str, state: str) -> None:
        ends = self._ends_of_parents(id_)
        if state in ("queued", "succeeded"):
            must({*ends} == {"succeeded"}, f"I11: {id_} is {state}, and its parents are {ends}")
        elif state == "failed" or statement not in rules.CANCELLING:
            must(state in ends, f"I11: {id_} is {state}, and its parents are {ends}")

    def _ends_of_parents(self, id_: str) -> list[str | None]:
        return [self.jobs.get(parent, Job()).first_end for parent in self.parents[id_]]

    def _end(self, job: Job, change: Change) -> None:
        """Take the end of a claim: by its owner, or by who may think that the owner died."""
        if change.old["state"] != "running" or change.new["state"] == "running":
            return
        claim = change.old["claim"]
        owner = job.claimants[claim]
        if change.actor.partition("/")[0] != owner:
            must(change.statement == "crash", f"P2: {change.actor} ends the claim of {owner}")
            must(change.over, f"P4: {owner} has its lease, and its job is taken away")
            must(self.may_be_lost(owner), f"P4: {owner} lives, and its job is taken away")
        else:
            judged = change.over and change.statement == "crash"
            must(not judged, f"P4: {owner} declares itself lost")
        job.ends[claim] = (change.statement, change.actor)

    # ── what was told ──

    def ended(self) -> dict[str, int]:
        """Return the jobs that have ended, each with how often it had run again before."""
        return {
            id_: job.lives
            for id_, job in self.jobs.items()
            if job.row and job.row["state"] in HISTORY
        }

    def stands(self, id_: str, ended: Mapping[str, int]) -> None:
        """Hold that a job may stand for a call that began when these had ended."""
        self.enqueued([id_])
        must(ended.get(id_) != self.jobs[id_].lives, f"I8: {id_} has ended, and holds its key")

    def enqueued(self, ids: Iterable[str]) -> None:
        """Hold that these were acknowledged."""
        for id_ in ids:
            must(id_ in self.jobs, f"P1: {id_} was acknowledged, and is not there")
            self.promised.append(id_)

    def written(self, statement: str, id_: str, claim: int, actor: str) -> None:
        """Hold that a worker was told that its outcome was accepted."""
        found = self.jobs[id_].ends.get(claim)
        must(
            found and found[0] == statement and found[1].partition("/")[0] == actor,
            f"P2: {actor} was told that its {statement} of {id_}, claim {claim}, was accepted; "
            f"what ended that claim: {found}",
        )

    def cancelled(self, told: Mapping[str, str], lives: Mapping[str, int]) -> None:
        """Hold that an operator was told these states; `lives` as they were before."""
        for id_, state in told.items():
            job = self.jobs[id_]
            if job.row is None or job.lives != lives[id_]:
                continue  # somebody has forgotten it, or made it run again
            ends = job.row["state"] in HISTORY or job.row["cancel_requested_at"]
            must(ends, f"P7: {id_} is {state} and was cancelled, and will run again")

    def beaten(self, worker: int) -> None:
        """Hold that a worker was told that it lives."""
        must(worker not in self.stopped, f"I9: worker {worker} has stopped, and is not told so")

    # ── what there is ──

    def known(self) -> list[str]:
        """Return the ids of the jobs that are there, in the order in which they came."""
        return [id_ for id_, job in self.jobs.items() if job.row]

    def unfinished(self) -> list[str]:
        """Return the ids of the jobs that have not ended."""
        return [i for i in self.known() if self.jobs[i].row["state"] not in HISTORY]

    def finished(self) -> list[str]:
        """Return the ids of the jobs that have ended."""
        return [i for i in self.known() if self.jobs[i].row["state"] in HISTORY]

    def lives(self, ids: Iterable[str]) -> dict[str, int]:
        """Return how often each of these jobs was made to run again."""
        return {id_: self.jobs[id_].lives for id_ in ids}


def _is_nothing(changes: list[Change]) -> bool:
    """Whether an enqueue took back what it had inserted."""
    makes = (*rules.ENQUEUEING, *rules.ENDING)
    made = [change for change in changes if change.statement in makes]
    if sorted(change.act for change in made) != ["delete", "insert"]:
        return False
    gone, come = sorted(made, key=lambda change: change.act)
    return gone.old == come.new  # noted as the statements end, the inner one first
