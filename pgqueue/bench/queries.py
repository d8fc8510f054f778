"""The SQL of the measurements: one statement per file of `bench/sql/`."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from pgqueue.bench.tasks import SCHEMA
from pgqueue.statements import script

FOLDER = Path(__file__).parent / "sql"


@cache
def text(name: str, schema: str = SCHEMA) -> str:
    """Return the text of `bench/sql/<name>.sql` for this schema, without its comments."""
    return script(FOLDER / f"{name}.sql", schema)
