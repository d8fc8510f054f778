"""What the planner may choose among, for the statements of a worker.

They have one right plan each, index lookups, and statistics of a table that swings between nothing
and millions of rows must not talk the planner into another. Claims read an index in its order. What
names its jobs looks each up by its id; there, a plain index scan could also be one that reads all
of an index that is thought to be empty, and a bitmap scan cannot. So the two kinds of statement
rule out each other's plans.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pgqueue import operations
from pgqueue.query import Query

COMMON = {
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "jit": "off",
    "plan_cache_mode": "force_generic_plan",
    # Heartbeats wait behind it, and the lease does not. Also where the role allows for less.
    "statement_timeout": "15s",
    # One that freezes in the middle of a rescue must not hold up everybody's for as long.
    "idle_in_transaction_session_timeout": "10s",
}
IN_ORDER = {"enable_indexscan": "on", "enable_bitmapscan": "off"}
BY_ID = {"enable_indexscan": "off", "enable_bitmapscan": "on"}
#: For what keeps everybody else waiting, and for what comes right before and after it.
IN_HASTE = {**IN_ORDER, "statement_timeout": "1s", "idle_in_transaction_session_timeout": "2s"}

#: The statements that name their jobs.
LOOKUPS = frozenset({"finish", "retry", "release", "crash", "suspect", "cancel_requested"})
#: The statements of the duty to compact.
HASTY = frozenset({"live_table", "rehearse", "compact"})


def settings(statement: str) -> dict[str, str]:
    """Return the settings that a statement is planned under.

    >>> settings("finish")["enable_bitmapscan"], settings("claim")["enable_bitmapscan"]
    ('on', 'off')
    """
    kind = BY_ID if statement in LOOKUPS else IN_HASTE if statement in HASTY else IN_ORDER
    return {**COMMON, **kind}


class Planner:
    """Puts settings before the queries of a session, where they are not in force already."""

    def __init__(self, *, pooled: bool) -> None:
        #: For each transaction anew: the session is somebody else's next.
        self._pooled = pooled
        self._in_force: dict[str, str] = {}

    def prepare(self, queries: Sequence[Query[Any]]) -> list[Query[Any]]:
        """Return the queries of one transaction, with the settings that they need before them."""
        in_force = {} if self._pooled else self._in_force
        prepared: list[Query[Any]] = []
        for query in queries:
            needed = settings(query.name)
            if needed != in_force:
                changed = dict(needed.items() - in_force.items())
                prepared.append(operations.plan(changed, in_transaction=self._pooled))
                in_force = needed
            prepared.append(query)
        self._in_force = in_force
        return prepared

    @staticmethod
    def answers(prepared: Sequence[Query[Any]], results: Sequence[Any]) -> list[Any]:
        """Return the results of the queries that were prepared, without those of the settings."""
        pairs = zip(prepared, results, strict=True)
        return [result for query, result in pairs if query.name != "plan"]

    def forget(self) -> None:
        """Set everything anew the next time: a transaction was rolled back, and its settings."""
        self._in_force = {}
