"""Turns PostgreSQL's "no such table" into what to do about it, whichever library says it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pgqueue.errors import SchemaMismatch

#: undefined_table, invalid_schema_name
_MISSING = ("42P01", "3F000")


@contextmanager
def explained(schema: str) -> Iterator[None]:
    """Raise `SchemaMismatch` for an error that says that our schema is not there."""
    try:
        yield
    except Exception as error:
        for cause in _causes(error):
            state = getattr(cause, "sqlstate", None) or getattr(cause, "pgcode", None)
            message = _message(cause)
            if state in _MISSING and (f"{schema}." in message or f'"{schema}"' in message):
                raise SchemaMismatch(
                    f"the database has no pgqueue schema {schema!r}, or an older one "
                    f"({state}: {message}): run 'pgq migrate'"
                ) from error
        raise


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error, and those that it wraps, as SQLAlchemy and Django wrap their drivers'."""
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__


def _message(error: BaseException) -> str:
    # Its first line alone: those after it quote the statement, or the caller's own.
    message = getattr(getattr(error, "diag", None), "message_primary", None)
    return message or str(error).partition("\n")[0]
