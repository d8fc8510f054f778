"""Where the demo's database is: the one that was named, or an embedded PostgreSQL."""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import psycopg

from pgqueue import embedded, migrate
from pgqueue.config import find_dsn, hide_password
from pgqueue.database import connection_string
from pgqueue.demo.app import app
from pgqueue.demo.queries import text
from pgqueue.errors import ConfigurationError
from pgqueue.programs import program

Connection: TypeAlias = psycopg.Connection[Any]


@dataclass(frozen=True, slots=True)
class Place:
    """A database that is up; `directory` is the embedded server's."""

    dsn: str
    directory: Path | None


def needs_server(dsn: str | None) -> bool:
    """Return whether nobody named a database, so that an embedded one is started."""
    return not (dsn or os.environ.get("PGQUEUE_DSN"))


@contextmanager
def opened(dsn: str | None) -> Iterator[Place]:
    """Lend the database named by `dsn` or PGQUEUE_DSN, or start an embedded one until the end.

    The demo's application, here and in the worker, finds it in the environment. DATABASE_URL and
    libpq's variables are left alone: a demo has no business in a database that was named for
    something else. Raises `ConfigurationError` with what to do about it.
    """
    named = dsn or os.environ.get("PGQUEUE_DSN")
    if dsn or not named:
        os.environ.pop("PGQUEUE_LISTEN_DSN", None)  # it belongs to another database
    with ExitStack() as stack:
        if named:
            place = Place(find_dsn(named), None)
        else:
            directory = embedded.default_directory()
            place = Place(stack.enter_context(_server(directory)).dsn, directory)
        os.environ["PGQUEUE_DSN"] = place.dsn
        stack.callback(app.close)
        yield place


def _server(directory: Path) -> embedded.EmbeddedServer:
    try:
        return embedded.start(directory)
    except ConfigurationError as error:
        raise ConfigurationError(
            f"{error}\nor use a PostgreSQL that is up: pgq demo --dsn postgresql:///NAME"
        ) from error


@contextmanager
def connected(place: Place) -> Iterator[Connection]:
    """Lend an autocommit connection."""
    try:
        # Nothing is prepared: a pooler would lend the next statement another session.
        connection = psycopg.connect(
            connection_string(place.dsn), autocommit=True, prepare_threshold=None
        )
    except psycopg.ProgrammingError:  # its text may quote a password
        raise ConfigurationError(
            "the connection string cannot be read: write postgresql://user:password@host/database"
        ) from None
    except psycopg.OperationalError as error:
        raise ConfigurationError(f"no connection to {hide_password(place.dsn)}: {error}") from error
    with connection:
        yield connection


def prepare(connection: Connection) -> int:
    """Bring pgqueue's schema to this release's and make the demo's own; returns files applied."""
    try:
        applied = migrate.migrate(connection)
        with connection.transaction():
            # "if not exists" does not help two who make the same table at once.
            connection.execute("select pg_advisory_xact_lock(hashtextextended('pgqueue_demo', 0))")
            connection.execute(text("tables"))
    except psycopg.errors.InsufficientPrivilege as error:
        raise ConfigurationError(
            f"{error.diag.message_primary}: the demo makes the schemas pgqueue and pgqueue_demo, "
            f"and {connection.info.user!r} may not in {connection.info.dbname!r}"
        ) from error
    return len(applied)


def psql(place: Place) -> str | None:
    """Return a command for a shell that opens psql on the database, None if there is no psql."""
    psql = "psql"
    if not shutil.which(psql):
        try:  # who has no PostgreSQL has the psql that the embedded one brought along
            psql = str(program(psql))
        except ConfigurationError:
            return None
    # The DSN of a database that was named may hold a password.
    dsn = shlex.quote(place.dsn) if place.directory else '"$PGQUEUE_DSN"'
    return f"{shlex.quote(psql)} {dsn}"
