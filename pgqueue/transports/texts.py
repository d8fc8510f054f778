"""Statements and parameters as texts, which every driver can send and no user's codec changes.

The statements of `sql/` cast each parameter themselves, `%(id)s::uuid`; so it need not have a type
before.
"""

from __future__ import annotations

import re
from datetime import datetime
from functools import cache
from typing import Any

from pgqueue.query import Query
from pgqueue.statements import statement

_PARAMETER = re.compile(r"%(?:\((\w+)\)s|%)")


def named(query: Query[Any], schema: str) -> tuple[str, dict[str, str | None]]:
    """Return a query's text with `%(name)s`, and its parameters by name."""
    return statement(query.name, schema), {name: text(v) for name, v in query.params.items()}


def numbered(query: Query[Any], schema: str) -> tuple[str, tuple[str | None, ...]]:
    """Return a query's text with `$1`, and its parameters in this order."""
    written, names = _numbered(query.name, schema)
    return written, tuple(text(query.params[name]) for name in names)


def text(value: object) -> str | None:
    """Return a parameter as PostgreSQL reads it.

    >>> text(True), text(1.5), text(None)
    ('true', '1.5', None)
    """
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value)  # numbers and UUIDs; lists are array literals already


@cache
def _numbered(name: str, schema: str) -> tuple[str, tuple[str, ...]]:
    return renumbered(statement(name, schema))


def renumbered(written: str, cast: str = "::text") -> tuple[str, tuple[str, ...]]:
    """Return a text with `$1::text` in place of `%(name)s`, and the names in their order.

    `cast` is put behind each number.

    >>> renumbered("select %(a)s::int % %(b)s::int, %(a)s::text || '100 %%'")
    ("select $1::text::int % $2::text::int, $1::text::text || '100 %'", ('a', 'b'))
    """
    numbers: dict[str, int] = {}

    def put(found: re.Match[str]) -> str:
        name = found[1]
        if name is None:
            return "%"
        return f"${numbers.setdefault(name, len(numbers) + 1)}{cast}"

    return _PARAMETER.sub(put, written), tuple(numbers)
