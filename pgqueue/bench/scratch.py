"""A schema of the measurements' own: made, filled, emptied, and always gone in the end."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import psycopg

from pgqueue import migrate
from pgqueue.bench.queries import text
from pgqueue.bench.tasks import SCHEMA, noop
from pgqueue.config import hide_password
from pgqueue.database import WHO, EndlessLoader, SyncConnection, connection_string, is_pooled
from pgqueue.errors import ConfigurationError
from pgqueue.query import Query, Row
from pgqueue.transports.psycopg import execute

T = TypeVar("T")
APPLICATION = "pgq bench"
#: What asks a command to end.
INTERRUPTS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Scratch:
    """A migrated schema for measurements, and one autocommit connection to it.

    `asked` counts the statements, and so the commits, of that connection: what is measured is
    what the others do.
    """

    def __init__(
        self, connection: SyncConnection, dsn: str, listen_dsn: str | None, schema: str
    ) -> None:
        self.connection = connection
        self.dsn = dsn
        self.listen_dsn = listen_dsn
        self.schema = schema
        self.asked = 0

    def ask(self, name: str, **params: Any) -> list[Row]:
        """Run `bench/sql/<name>.sql` and return its rows."""
        self.asked += 1
        cursor = self.connection.execute(text(name, self.schema), params)
        return cursor.fetchall() if cursor.description else []

    def value(self, name: str, **params: Any) -> Any:
        """Run `bench/sql/<name>.sql` and return its only value."""
        return self.ask(name, **params)[0][0]

    def run(self, query: Query[T]) -> T:
        """Run an operation of pgqueue."""
        self.asked += 1
        return execute(self.connection, query, self.schema)

    def clock(self) -> float:
        """Return the server's time, in seconds since 1970."""
        return float(self.value("clock"))

    def fill(
        self,
        jobs: int,
        *,
        task: str = noop.name,
        queue: str = "default",
        priority: int = 0,
        delay: float = 0.0,
    ) -> None:
        """Insert queued jobs with one int argument, due in `delay` seconds; not timed."""
        self.ask("fill", jobs=jobs, task=task, queue=queue, priority=priority, delay=delay)

    def empty(self) -> None:
        """Forget every job and worker; tables are as they were when they were new."""
        self.ask("empty")

    def has_unfinished(self) -> bool:
        """Return whether any job has not ended."""
        return bool(self.value("unfinished"))


@contextmanager
def scratch(
    dsn: str, listen_dsn: str | None = None, *, schema: str = SCHEMA, keep: bool = False
) -> Iterator[Scratch]:
    """Make the schema, lend it, and drop it at the end of the block unless it is to be kept.

    Raises `ConfigurationError` if there is one of that name, which is left as it is, or if the
    role may not make one.
    """
    with _connected(dsn) as connection:
        made = False
        try:
            with _undisturbed():
                _create(connection, schema)
                made = True
            migrate.migrate(connection, schema)
            yield Scratch(connection, dsn, listen_dsn, schema)
        finally:
            if made and not keep:
                _drop(dsn, schema)


def _connected(dsn: str) -> SyncConnection:
    try:
        connection = psycopg.connect(
            connection_string(dsn, application_name=APPLICATION), autocommit=True
        )
    except psycopg.OperationalError as error:
        where = hide_password(dsn) or "PostgreSQL (as libpq's variables say)"
        raise ConfigurationError(f"no connection to {where}: {str(error).strip()}") from error
    if is_pooled(connection, connection.execute(WHO, prepare=False).fetchone()):
        connection.close()
        raise ConfigurationError(
            f"a pooler answers at {hide_password(dsn)}, and what is measured is PostgreSQL: give a "
            "direct connection as --dsn"
        )
    connection.adapters.register_loader("timestamptz", EndlessLoader)
    return connection


def _create(connection: SyncConnection, schema: str) -> None:
    name = connection.info.dbname
    try:
        connection.execute(text("create_schema", schema))
    except psycopg.errors.DuplicateSchema as error:
        others = connection.execute(text("schema_in_use"), {"application": APPLICATION}).fetchone()
        cause = (
            "another pgq bench is at work in this database: wait for its end"
            if others and others[0]
            else "it was left by --keep, or by a run that was killed; if nobody needs it: "
            f"drop schema {schema} cascade"
        )
        raise ConfigurationError(
            f"database {name!r} has a schema {schema!r} already, which is not touched; {cause}"
        ) from error
    except psycopg.errors.InsufficientPrivilege as error:
        raise ConfigurationError(
            f"role {connection.info.user!r} may not make the schema {schema!r} in database "
            f"{name!r}, where the measurements would be made: grant create on database {name} to "
            f"{connection.info.user}, or give another database as --dsn"
        ) from error


def _drop(dsn: str, schema: str) -> None:
    # On a connection of its own: Ctrl-C may have broken the other one, and a second Ctrl-C must
    # not leave the schema behind.
    with _undisturbed(), _connected(dsn) as connection:
        connection.execute("set lock_timeout = '20s'")
        connection.execute(text("drop_schema", schema))


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Let nobody interrupt a block."""
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread is interrupted
        return
    before = {number: signal.signal(number, signal.SIG_IGN) for number in INTERRUPTS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
