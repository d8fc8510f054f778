"""Turns errors of PostgreSQL that are ours into what they mean, whichever library says them."""

from __future__ import annotations

from collections.abc import Iterator

from pgqueue.errors import QueueFull, SchemaMismatch

#: undefined_table, invalid_schema_name
_MISSING = ("42P01", "3F000")
#: What sql/functions/admit.sql raises.
_FULL = "PGQ01"


class explained:  # noqa: N801 (used like contextlib's, and a third of its cost)
    """Raises `SchemaMismatch` for an error that says that our schema is missing, or `QueueFull`."""

    __slots__ = ("_schema",)

    def __init__(self, schema: str) -> None:
        self._schema = schema

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        if isinstance(error, Exception):
            _explain(error, self._schema)


def _explain(error: Exception, schema: str) -> None:
    for cause in _causes(error):
        state = getattr(cause, "sqlstate", None) or getattr(cause, "pgcode", None)
        message = _message(cause)
        if state == _FULL:
            raise QueueFull(message) from error
        if state in _MISSING and (f"{schema}." in message or f'"{schema}"' in message):
            raise SchemaMismatch(
                f"the database has no pgqueue schema {schema!r}, or an older one "
                f"({state}: {message}): run 'pgq migrate'"
            ) from error


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
