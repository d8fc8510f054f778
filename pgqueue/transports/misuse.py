"""What is said about a connection that cannot be used: what it is, and what to give instead."""

from __future__ import annotations

import re

from pgqueue.config import hide_password
from pgqueue.errors import UsageError

_CONNECTIONS = (
    "a connection or cursor of psycopg or psycopg2, a connection of asyncpg, a Connection or "
    "Session of SQLAlchemy, or an alias of Django's DATABASES"
)


def unknown(connection: object) -> UsageError:
    """Return the error for something that is no connection, or none that we know."""
    kind = name_of(connection)
    if kind.endswith("Pool"):
        return not_one(connection, "a pool")
    return UsageError(
        f"connection={kind}: give {_CONNECTIONS}; or leave it out to use the application's own pool"
    )


def not_one(connection: object, what: str, method: str = "") -> UsageError:
    """Return the error for something that makes connections: which of them is not known."""
    how = f" with '{method}'" if method else ""
    return UsageError(
        f"connection={name_of(connection)}: this is {what}, and not the connection whose "
        f"transaction the job belongs to: take one from it{how} and give that"
    )


def closed(connection: object) -> UsageError:
    """Return the error for a connection that has been closed, or given back to its pool."""
    return UsageError(
        f"connection={name_of(connection)}: this connection is closed; give one that is open, or "
        "leave it out to use the application's own pool"
    )


def is_async(connection: object) -> UsageError:
    """Return the error for an async connection where a sync one is needed."""
    return UsageError(
        f"connection={name_of(connection)}: this connection is async: call the async twin, such "
        "as adelay() instead of delay()"
    )


def is_sync(connection: object) -> UsageError:
    """Return the error for a sync connection where an async one is needed."""
    return UsageError(
        f"connection={name_of(connection)}: this connection is sync: call delay() instead of "
        "adelay()"
    )


def no_alias(text: object, why: str) -> UsageError:
    """Return the error for a text that is not the alias of a database."""
    hint = ""
    if isinstance(text, str) and re.search("://|=", text):
        text, hint = hide_password(text), "; a connection string belongs into PgQueue(dsn=…)"
    return UsageError(
        f"connection={text!r}: a text is taken for an alias of Django's DATABASES, and {why}{hint}"
    )


def name_of(connection: object) -> str:
    """Return the full name of a connection's class."""
    return f"{type(connection).__module__}.{type(connection).__qualname__}"
