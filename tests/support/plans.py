"""How PostgreSQL would execute a statement of `sql/`."""

from __future__ import annotations

import re

import psycopg

from pgqueue.query import Query
from pgqueue.statements import statement

PARAMETER = re.compile(r"%\((\w+)\)s")


def numbered(name: str) -> tuple[str, list[str]]:
    """The text of a statement with $1, $2 … for its parameters, and their names in that order."""
    text = statement(name)
    names = list(dict.fromkeys(PARAMETER.findall(text)))
    text = PARAMETER.sub(lambda found: f"${names.index(found[1]) + 1}", text)
    return text.replace("%%", "%"), names


def explain(connection: psycopg.Connection, query: Query) -> str:
    """The plan of a prepared query: generic or custom, as the connection's settings say."""
    text, names = numbered(query.name)
    connection.execute(f'prepare "{query.name}" as {text}')
    values = ", ".join(["%s"] * len(names))
    call = f'explain (costs off) execute "{query.name}" ({values})'
    rows = psycopg.ClientCursor(connection).execute(call, [query.params[name] for name in names])
    return "\n".join(row[0] for row in rows)
