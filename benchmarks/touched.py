"""What a statement touches: pages, WAL, rows. Counts that no noise of a machine changes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

import psycopg

from benchmarks.loop import register
from benchmarks.setting import ask
from benchmarks.tasks import noop
from pgqueue import operations
from pgqueue.bench.scratch import Scratch
from pgqueue.query import Query
from pgqueue.rows import Finished, Lane
from pgqueue.statements import statement
from pgqueue.worker.claims import PRIORITIES
from pgqueue.worker.planning import settings

_NUMBERS = count(1)


@dataclass(frozen=True, slots=True)
class Touched:
    """One execution: pages of PostgreSQL's buffers that were looked at, WAL in bytes, rows.

    `scanned` is the part of the pages that finding jobs in the claim index has touched: of its own,
    and of the table to see whether what it names is alive.
    """

    pages: int
    scanned: int
    wal: int
    rows: int


class Counter:
    """Runs queries as a worker prepares and plans them, and counts what they touch."""

    def __init__(self, place: Scratch) -> None:
        self._place = place
        self._prepared: dict[str, str] = {}

    def run(self, query: Query[Any]) -> Touched:
        """Execute a query; what it returns is counted and thrown away."""
        text, names = numbered(statement(query.name, self._place.schema))
        connection = self._place.connection
        for setting in settings(query.name).items():
            connection.execute("select set_config(%s, %s, false)", setting)
        if query.name not in self._prepared:
            name = self._prepared[query.name] = f"counted_{next(_NUMBERS)}"
            connection.execute(f"prepare {name} as {text}".encode())
        values = ", ".join(["%s"] * len(names))
        call = f"execute {self._prepared[query.name]} ({values})"
        explain = f"explain (analyze, buffers, wal, timing off, format json) {call}"
        cursor = psycopg.ClientCursor(connection)
        cursor.execute(explain.encode(), [query.params[name] for name in names])
        row = cursor.fetchone()
        assert row
        found = row[0] if isinstance(row[0], list) else json.loads(row[0])
        plan = found[0]["Plan"]
        return Touched(
            pages=_pages(plan),
            scanned=sum(map(_pages, _nodes(plan, "jobs_live_claim"))),
            wal=plan["WAL Bytes"],
            rows=round(plan["Actual Rows"] * plan["Actual Loops"]),
        )


def _pages(node: dict[str, Any]) -> int:
    return int(node["Shared Hit Blocks"] + node["Shared Read Blocks"])


def _nodes(plan: dict[str, Any], index: str) -> Iterator[dict[str, Any]]:
    """Yield the scans of an index."""
    if plan.get("Index Name") == index:
        yield plan
    for node in plan.get("Plans", ()):
        yield from _nodes(node, index)


def numbered(text: str) -> tuple[str, list[str]]:
    """Return a statement with $1, $2 … for its parameters, and their names in that order.

    >>> numbered("select %(b)s::int, %(a)s::int, %(b)s::int % 2")
    ('select $1::int, $2::int, $1::int % 2', ['b', 'a'])
    """
    names: dict[str, str] = {}
    put = re.sub(
        r"%\((\w+)\)s", lambda found: names.setdefault(found[1], f"${len(names) + 1}"), text
    )
    return put.replace("%%", "%"), list(names)


class Stepper:
    """Claims and finishes batch by batch, each statement counted; one queue, one priority used.

    `lanes` is where the next claim begins: it follows the cursor unless `cursor=False`.
    """

    def __init__(self, place: Scratch, *, cursor: bool = True, batch: int = 100) -> None:
        self._place = place
        self._counter = Counter(place)
        self._cursor = cursor
        self._batch = batch
        self._worker = place.run(register(["default"], [noop.name]))
        self.lanes: Sequence[Lane] = [Lane("default", priority) for priority in PRIORITIES]

    def claim(self) -> Touched:
        """Claim a batch."""
        claim = operations.claim(self._worker, self.lanes, [noop.name], self._batch)
        return self._counter.run(claim)

    def finish(self) -> Touched:
        """Finish what is claimed, and move the cursor behind it."""
        running = ask(self._place, "running")
        if running and self._cursor:
            self.lanes = [
                Lane("default", p, running[-1][2], running[-1][0]) if p == 0 else Lane("default", p)
                for p in PRIORITIES
            ]
        done = [Finished(job, claim, "succeeded", "1") for job, claim, _ in running]
        return self._counter.run(operations.finish(sorted(done)))

    def next_due(self) -> Touched:
        """Ask what is due next, as a worker does before it sleeps."""
        return self._counter.run(operations.next_due(self.lanes, [noop.name]))
