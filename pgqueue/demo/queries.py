"""The demo's SQL: `sql/report/` tells what happened, `sql/proofs/` what must not have."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

FOLDER = Path(__file__).parent / "sql"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a file of SQL says: its first line as the title, the rest of it, and the rows."""

    title: str
    sql: str
    columns: list[str]
    rows: list[tuple[Any, ...]]


def text(name: str) -> str:
    """Return the text of `sql/<name>.sql`."""
    return (FOLDER / f"{name}.sql").read_text(encoding="utf-8")


def report(connection: psycopg.Connection[Any], run: int) -> list[Answer]:
    """Ask every question of `sql/report/` about a run."""
    return [_asked(connection, run, file) for file in sorted(FOLDER.glob("report/*.sql"))]


def proofs(connection: psycopg.Connection[Any], run: int) -> list[Answer]:
    """Ask every question of `sql/proofs/`, whose answer is one number that has to be 0."""
    return [_asked(connection, run, file) for file in sorted(FOLDER.glob("proofs/*.sql"))]


def states(connection: psycopg.Connection[Any], run: int) -> dict[str, int]:
    """Return how many jobs of a run are in each state."""
    return {state: jobs for state, jobs, _ in _asked(connection, run, _STATES).rows}


def value(connection: psycopg.Connection[Any], name: str, run: int) -> Any:
    """Return the first value that `sql/<name>.sql` gives for a run, None if there is none."""
    rows = _asked(connection, run, FOLDER / f"{name}.sql").rows
    return rows[0][0] if rows else None


_STATES = FOLDER / "report/1_states.sql"


def _asked(connection: psycopg.Connection[Any], run: int, file: Path) -> Answer:
    title, _, sql = file.read_text(encoding="utf-8").partition("\n")
    # Written in, as psql -v run=… does, and not sent beside it: what is shown is what was asked.
    sql = sql.replace(":'run'", f"'{run}'").strip()
    cursor = connection.execute(sql)
    columns = [column.name for column in cursor.description or ()]
    return Answer(title.removeprefix("-- "), sql, columns, cursor.fetchall())
