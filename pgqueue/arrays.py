"""PostgreSQL array literals, for the statements that take a batch of jobs.

The hot path sends some hundred ids at a time; a literal is one string to psycopg, where a list is
a few hundred objects to adapt.
"""

from __future__ import annotations

from collections.abc import Iterable


def plain_array(items: Iterable[object]) -> str:
    """Return the literal of items whose text needs no quoting: ids, numbers, states; or None.

    >>> plain_array([1, 2, None])
    '{1,2,NULL}'
    """
    return "{" + ",".join(map(str, items)).replace("None", "NULL") + "}"


def text_array(items: Iterable[str | None]) -> str:
    r"""Return the literal of any texts; None becomes NULL.

    >>> print(text_array(['say "no"', None]))
    {"say \"no\"",NULL}
    """
    return "{" + ",".join("NULL" if item is None else _quoted(item) for item in items) + "}"


def _quoted(item: str) -> str:
    return '"' + item.replace("\\", "\\\\").replace('"', '\\"') + '"'
