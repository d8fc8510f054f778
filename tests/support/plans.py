"""How PostgreSQL would execute a statement of `sql/`."""

from __future__ import annotations

import re

import psycopg

from pgqueue.query import Query
from pgqueue.statements import statement

PARAMETER = re.compile(r"%\((\w+)\)s")


def prepare(connection: psycopg.Connection, query: Query) -> str:
    """Prepare a query under its own name, as a worker's driver does; return the call."""
    text = statement(query.name)
    names = list(dict.fromkeys(PARAMETER.findall(text)))
    numbered = PARAMETER.sub(lambda found: f"${names.index(found[1]) + 1}", text)
    connection.execute(f'prepare "{query.name}" as {numbered.replace("%%", "%")}')
    values = ", ".join(["%s"] * len(names))
    call = f'"{query.name}"' + (f" ({values})" if names else "")
    return psycopg.ClientCursor(connection).mogrify(call, [query.params[name] for name in names])


def explain(connection: psycopg.Connection, query: Query) -> str:
    """The plan of a query: generic or custom, as the connection's settings say."""
    rows = connection.execute(f"explain (costs off) execute {prepare(connection, query)}")
    return "\n".join(row[0] for row in rows)
