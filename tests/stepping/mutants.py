"""What must not go unnoticed: statements and transactions with one safeguard taken out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import children
import processes
from actors import Steps

from pgqueue import operations


@dataclass(frozen=True)
class Mutant:
    """A file of `sql/` with a piece of its text replaced."""

    name: str
    file: str
    piece: str
    instead: str = ""
    #: Which faults and ends of tasks are frequent in the runs that are to notice it.
    favour: str = ""

    @property
    def statement(self) -> str | None:
        """The name of the statement; None for a function."""
        return None if "/" in self.file else self.file.removesuffix(".sql")

    def mutate(self, text: str) -> str:
        """Return the text with the safeguard taken out; it must be there."""
        assert self.piece in text, f"{self.name}: {self.file} has no {self.piece!r} any more"
        return text.replace(self.piece, self.instead)


RUNS = " and j.state = 'running'"
IN_HISTORY = " and j.state in ('succeeded', 'failed', 'cancelled')"
LIVES = " and w.stopped_at is null"

MUTANTS = [
    # The fence: a claim's number, and that it still runs.
    Mutant(
        "finish without the claim number",
        "finish.sql",
        " and j.claim = o.claim",
        favour="freeze succeeded",
    ),
    Mutant("finish what does not run", "finish.sql", RUNS, favour="freeze succeeded"),
    Mutant(
        "retry without the claim number",
        "retry.sql",
        " and j.claim = f.claim",
        favour="freeze retry",
    ),
    Mutant("retry what does not run", "retry.sql", RUNS, favour="freeze retry"),
    Mutant(
        "release without the claim number",
        "release.sql",
        " and j.claim = r.claim",
        favour="freeze unstarted",
    ),
    Mutant("release what does not run", "release.sql", RUNS, favour="freeze unstarted"),
    Mutant(
        "crash without the claim number",
        "crash.sql",
        " and j.claim = d.claim",
        favour="freeze crash",
    ),
    Mutant(
        "crash what does not run", "crash.sql", "where j.state = 'running'\n", favour="freeze crash"
    ),
    Mutant("claim under the same number", "claim.sql", "claim = j.claim + 1", "claim = j.claim"),
    Mutant("number claims anew", "functions/retry.sql", "g.claim, t.now", "0, t.now"),
    # Claims.
    Mutant("claim what runs already", "claim.sql", "          and j.state = 'queued'\n"),
    Mutant("claim what is not due", "claim.sql", "j.run_at <= (select pgqueue.now())", "true"),
    Mutant(
        "claim without a lease",
        "claim.sql",
        f"{LIVES} and w.expires_at > pgqueue.now()",
        favour="freeze",
    ),
    Mutant("claim beside a verdict", "claim.sql", "    for share\n", favour="freeze busy"),
    # Counts.
    Mutant("claim without counting", "claim.sql", "attempt = j.attempt + 1", "attempt = j.attempt"),
    Mutant("charge what is released", "release.sql", ", attempt = j.attempt - 1"),
    Mutant("charge a crash as an attempt", "crash.sql", "        attempt = j.attempt - 1,\n"),
    Mutant("crash without counting", "crash.sql", "j.crashes + d.charged::integer as", "1 as"),
    Mutant("crash for ever", "crash.sql", "%(max_crashes)s", "1000", favour="crash"),
    # Rescue.
    Mutant(
        "rescue by age",
        "lost.sql",
        "w.expires_at < pgqueue.now()",
        "w.started_at < pgqueue.now() - interval '3 s'",
    ),
    Mutant("judge oneself", "lost.sql", " and w.id <> %(watcher)s::bigint", favour="freeze"),
    Mutant(
        "judge beside a heartbeat", "lost.sql", "    for update skip locked\n", favour="freeze busy"
    ),
    Mutant(
        "watch without the lifeline",
        "watch.sql",
        "pg_try_advisory_xact_lock(pgqueue.lifeline(w.id))",
        "true",
    ),
    Mutant("heartbeat of the dead", "heartbeat.sql", LIVES),
    Mutant(
        "reconcile by id alone",
        "reconcile.sql",
        " and k.claim = j.claim",
        favour="lose_answer unstarted",
    ),
    Mutant("reconcile what does not run", "reconcile.sql", f"     {RUNS}\n"),
    Mutant(
        "reconcile others' jobs", "reconcile.sql", "j.worker_id = %(worker_id)s::bigint\n      and "
    ),
    # Cancelling and running again.
    Mutant("cancel what runs", "functions/cancel.sql", " and f.state <> 'running'"),
    Mutant("cancel without a mark", "functions/cancel.sql", "f.state = 'running'", "false"),
    Mutant(
        "cancel beside a claim",
        "functions/cancel.sql",
        "        order by j.id\n        for update\n",
    ),
    Mutant(
        "forget that a cancellation was asked for",
        "cancel_requested.sql",
        "j.cancel_requested_at is not null",
        "false",
    ),
    Mutant("run again what has not ended", "functions/retry.sql", IN_HISTORY),
    Mutant("forget what has not ended", "forget.sql", IN_HISTORY),
    # Canvas.
    Mutant(
        "count parents twice",
        "functions/follow.sql",
        "count(*)::integer as parents",
        "2 * count(*)::integer as parents",
    ),
    Mutant("count one parent for all", "functions/follow.sql", "- d.parents", "- 1"),
    Mutant(
        "follow the first round only",
        "functions/follow.sql",
        "ids := broken || become;",
        "ids := null;",
    ),
    Mutant("follow no cancelling", "functions/follow.sql", " or 'cancelled' = any (states)"),
    Mutant("release who waits for more", "functions/follow.sql", " and j.open_parents <= 0"),
    Mutant("finish without following", "finish.sql", "where f.linked", "where false"),
    Mutant("crash without following", "crash.sql", "where f.linked", "where false", "crash"),
    Mutant("cancel without following", "functions/cancel.sql", "tied is not null", "false"),
    Mutant(
        "replace without the claim number",
        "replace.sql",
        " and j.claim = %(claim)s::integer",
        favour="freeze together",
    ),
    Mutant(
        "run again what never ran",
        "functions/retry.sql",
        "          and coalesce(j.open_parents, 0) = 0\n",
    ),
    # Limits.
    Mutant(
        "let in whatever runs",
        "functions/claim_limited.sql",
        "p.max_concurrency - p.held",
        "p.max_concurrency",
        favour="limited",
    ),
    Mutant(
        "let in beside another",
        "functions/claim_limited.sql",
        "        order by k.limit_key\n        for update skip locked\n",
        favour="limited one freeze busy",
    ),
    Mutant(
        "forget whom others let in",
        "functions/claim_limited.sql",
        "where h.limit_key = l.limit_key\n            union all",
        "where false\n            union all",
        favour="limited",
    ),
    Mutant(
        "count who was put back",
        "functions/claim_limited.sql",
        " and j.state = 'running'\n",
        "\n",
        favour="limited one unstarted",
    ),
    Mutant(
        "let in under the same number",
        "functions/claim_limited.sql",
        "claim = j.claim + 1",
        "claim = j.claim",
        favour="limited",
    ),
    Mutant(
        "let in what is not due",
        "functions/claim_limited.sql",
        "j.due_at <= moment\n                  and",
        "true and",
        favour="limited",
    ),
    Mutant(
        "let in for a rate and not count it",
        "functions/claim_limited.sql",
        "l.starts + h.new * l.every",
        "k.next_start",
        favour="limited slow",
    ),
    Mutant(
        "retry where plain claims look",
        "retry.sql",
        "j.limit_key is null or f.queue is not null",
        "true",
        favour="limited retry",
    ),
    Mutant(
        "claim in a queue with a rate",
        "claim.sql",
        " or q.rate_limit is not null",
        favour="rated",
    ),
    Mutant(
        "let limited jobs past the gate",
        "functions/claim_limited.sql",
        "unnest(ids_in) as n (queue) where n.queue = g.queue",
        "unnest(ids_in, ids_of) as n (queue, key) where n.queue = g.queue and n.key ^@ ':'",
        favour="rated limited",
    ),
    Mutant(
        "ask each line for all that the gate lets through",
        "functions/claim_limited.sql",
        ", greatest(1, t.gap / t.lines_here)",
        favour="rated limited",
    ),
    # Unique keys.
    Mutant(
        "take a key that is held",
        "functions/holds.sql",
        "exists (select from pgqueue.jobs_live",
        "false and exists (select from pgqueue.jobs_live",
    ),
    Mutant(
        "keep a key for ever",
        "functions/holds.sql",
        "if not until_start",
        "if true then return true; elsif not until_start",
    ),
    # Enqueueing.
    Mutant("enqueue what has ended", "functions/is_finished.sql", "exists (", "false and exists ("),
    Mutant(
        "enqueue what is ending", "functions/stays.sql", "not pgqueue.is_finished(job_id)", "true"
    ),
]


def apart(*queries: Any) -> Steps:
    """Run queries one by one instead of in one transaction."""
    results = []
    for query in queries:
        results.append((yield query))  # noqa: PERF401 (a yield)
    return results


def task_apart(self: children.Child, job: Any) -> Steps:
    """Write the task's rows in one transaction, and finish its job in another."""
    yield children.write(job)
    return (yield from children.Child.finish(self, job))


def stopped_only(self: processes.Process) -> Steps:
    """Say that a worker has stopped, without a look at what its lost sessions did."""
    yield operations.stop(self.worker_id)


MEND = processes.Process.mend


def mend_once(self: processes.Process) -> Steps:
    """Look once what a lost session did, and take it for dead."""
    yield from MEND(self)
    self.unsettled = False


#: What is to be one transaction, or to be done at all: a name, where it is, what it is instead.
HABITS: dict[str, tuple[Any, str, Any]] = {
    "outcomes without their consequences": (processes, "at_once", apart),
    "a verdict without its rescue": (processes.Process, "in_transaction", lambda _, act: act()),
    "a task's rows without its success": (children.Child, "run", task_apart),
    "a farewell without a look": (processes.Process, "farewell", stopped_only),
    "one look after a lost connection": (processes.Process, "mend", mend_once),
}
