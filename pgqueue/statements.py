"""Loads `sql/`: one statement per file, with the schema's name put in."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from pgqueue.errors import ConfigurationError

DEFAULT_SCHEMA = "pgqueue"

_packaged = Path(__file__).parent / "sql"
#: The folder of the SQL files: inside an installed wheel, else beside the package in a checkout.
FOLDER = _packaged if _packaged.is_dir() else Path(__file__).parent.parent / "sql"


@cache
def statement(name: str, schema: str = DEFAULT_SCHEMA) -> str:
    """Return the text of `sql/<name>.sql` for this schema, without its comments."""
    return script(FOLDER / f"{name}.sql", schema)


def script(path: Path, schema: str) -> str:
    """Return the text of an SQL file for this schema, without its comment lines.

    In a path of keys, such as '{pgqueue,unique}', the word is what headers have for our own use.
    """
    lines = path.read_text(encoding="utf-8").splitlines()
    text = "\n".join(line for line in lines if not line.lstrip().startswith("--"))
    return re.sub(rf"(?<![{{,])\b{DEFAULT_SCHEMA}\b", checked_schema(schema), text).strip()


def checked_schema(name: str) -> str:
    """Return the name if it can stand in SQL unquoted and in a channel's name; refuse it if not."""
    # A long or mixed-case name would break LISTEN and NOTIFY in the user's own transaction.
    if not re.fullmatch(r"[a-z_][a-z0-9_]{0,39}", name) or name.startswith("pg_"):
        raise ConfigurationError(
            f"schema={name!r}: a schema's name here is at most 40 lower-case letters, digits and "
            "underscores, begins with a letter and not with 'pg_'"
        )
    return name
