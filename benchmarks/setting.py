"""Where a scenario runs and how large it is: schemas of its own, and SQL of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import psycopg

from benchmarks.tasks import SCHEMA
from pgqueue.bench.meters import Meter
from pgqueue.bench.scratch import Scratch, scratch
from pgqueue.database import SyncConnection, connection_string
from pgqueue.query import Row
from pgqueue.statements import script

FOLDER = Path(__file__).parent / "sql"


@dataclass(frozen=True, slots=True)
class Setting:
    """What every scenario is given; `say` is told what is being done.

    `scale` makes counts and times so many times as large: 1 is what docs/performance.md tells of.
    """

    dsn: str
    scale: float
    say: Callable[[str], None]

    def count(self, full: int, least: int = 1) -> int:
        """Return a count at this scale."""
        return max(least, round(full * self.scale))

    def seconds(self, full: float, least: float = 1.0) -> float:
        """Return a time at this scale."""
        return max(least, full * self.scale)

    def schema(self, name: str = SCHEMA) -> AbstractContextManager[Scratch]:
        """Lend a new schema for the length of a block."""
        return scratch(self.dsn, schema=name)


@cache
def text(name: str, schema: str) -> str:
    """Return the text of `benchmarks/sql/<name>.sql` for this schema, without its comments."""
    return script(FOLDER / f"{name}.sql", schema)


def ask(place: Scratch, name: str, **params: Any) -> list[Row]:
    """Run `benchmarks/sql/<name>.sql` and return its rows."""
    place.asked += 1
    cursor = place.connection.execute(text(name, place.schema), params or None)
    return cursor.fetchall() if cursor.description else []


@contextmanager
def connected(place: Scratch, name: str) -> Iterator[Scratch]:
    """Lend the same schema on another connection, for a thread or a role of its own."""
    with connect(place.dsn, name) as connection:
        yield Scratch(connection, place.dsn, place.listen_dsn, place.schema)


def connect(dsn: str, name: str) -> SyncConnection:
    """Return an autocommit connection under this application name."""
    return psycopg.connect(connection_string(dsn, application_name=name), autocommit=True)


@contextmanager
def pinned(dsn: str) -> Iterator[None]:
    """Hold a snapshot, as a report or a dump does: vacuum removes nothing that dies meanwhile."""
    with connect(dsn, "pgqueue pin") as connection:
        connection.execute("begin isolation level repeatable read")
        connection.execute("select pg_current_snapshot()")
        yield
        connection.execute("rollback")


def processor_time(meter: Meter) -> float | None:
    """Return the processor time of the server so far, in seconds; None if it is elsewhere."""
    return meter.read().server_cpu
