"""What must hold when a run has ended, as the tables say."""

from __future__ import annotations

from typing import Any

import psycopg
from ledger import Ledger
from rules import must

#: What a session of these may have left behind: locks, open transactions.
LEFT = """
select a.application_name, a.state, l.locktype
from pg_stat_activity a
left join pg_locks l on l.pid = a.pid and l.locktype in ('advisory', 'transactionid')
where a.datname = current_database() and a.pid <> pg_backend_pid()
    and a.backend_type = 'client backend'
"""


def settle(ledger: Ledger, connection: psycopg.Connection) -> None:
    """Hold the end of a run to what was promised, once all its sessions have ended."""
    for id_ in ledger.promised:
        there = ledger.jobs[id_].row or id_ in ledger.forgotten
        must(there, f"I1: {id_} was acknowledged, and is lost")
    for id_ in ledger.undone:
        must(id_ not in ledger.jobs, f"I2: {id_} was rolled back, and is there")
    must(not ledger.unfinished(), f"I1: {ledger.unfinished()} have not ended")
    rows = connection.execute("select id::text, state::text, claim from pgqueue.jobs")
    noted = [(id_, row["state"], row["claim"]) for id_, row in _rows(ledger)]
    must(sorted(rows.fetchall()) == sorted(noted), "I1: the tables are not what the changes say")
    # An id that was forgotten and is used again begins with the first claim again.
    effects = [
        (id_, claim)
        for id_, claim in connection.execute("select job::text, claim from public.effects")
        if id_ not in ledger.forgotten
    ]
    must(len(effects) == len(set(effects)), "I5: a task's rows were written twice")
    together = [
        (id_, claim)
        for id_, job in ledger.jobs.items()
        if id_ not in ledger.forgotten
        for claim, (statement, actor) in job.ends.items()
        if statement in ("finish", "replace") and actor.endswith("/child")
    ]
    must(sorted(effects) == sorted(together), "I5: a task's rows and its success are apart")
    for errback, tasks in ledger.errbacks.items():
        ends = [ledger.jobs[task].first_end for task in tasks if task in ledger.jobs]
        must(("failed" in ends) == (errback in ledger.jobs), f"I12: {errback} of {tasks}: {ends}")
    edges = connection.execute("select * from pgqueue.edges").fetchall()
    must(not edges, f"I13: edges that lead nowhere: {edges}")
    left = connection.execute(LEFT).fetchall()
    must(not left, f"I10: left behind: {left}")


def _rows(ledger: Ledger) -> list[tuple[str, dict[str, Any]]]:
    return [(id_, job.row) for id_, job in ledger.jobs.items() if job.row]
