"""Which database a command works on, and the one connection that it needs."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TypeVar

import click
import psycopg

from pgqueue import embedded, migrate
from pgqueue.app import PgQueue
from pgqueue.cli.project import Project, find_project
from pgqueue.config import find_dsn, hide_password
from pgqueue.database import EndlessLoader, SyncConnection, connection_string
from pgqueue.errors import ConfigurationError
from pgqueue.query import Query
from pgqueue.statements import DEFAULT_SCHEMA, checked_schema
from pgqueue.transports.psycopg import execute

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Place:
    """A database: its DSN, and whether it is the embedded one, which is migrated by itself."""

    dsn: str
    embedded: bool = False


@dataclass(frozen=True, slots=True)
class Session:
    """An open connection, in autocommit mode, and whose it is."""

    connection: SyncConnection
    schema: str
    dsn: str
    app: PgQueue | None = None
    #: Where notifications are to come from, if that is another connection string.
    listen_dsn: str | None = None

    def run(self, query: Query[T]) -> T:
        """Run a query in a transaction of its own."""
        return execute(self.connection, query, self.schema)

    @property
    def name(self) -> str:
        """The database's name for a person: no password, and what libpq filled in."""
        info = self.connection.info
        where = info.host if info.host.startswith("/") else f"{info.host}:{info.port}"
        return f"{info.dbname} on {where}"


@dataclass(frozen=True, slots=True)
class Target:
    """What the options of a command say about the database."""

    app: str | None = None
    dsn: str | None = None
    schema: str | None = None
    embedded: bool = False

    def project(self) -> Project | None:
        """Return the application that is meant, not imported yet."""
        return find_project(self.app)

    def load(self) -> PgQueue | None:
        """Import the application that is meant, if any."""
        project = self.project()
        return project.load() if project else None

    @contextmanager
    def place(self, app: PgQueue | None) -> Iterator[Place]:
        """Choose the database; an embedded one that this starts runs until the end of the block."""
        if self.dsn:
            yield Place(find_dsn(self.dsn))
        elif self.embedded:
            with embedded.start(embedded.default_directory()) as server:
                yield Place(server.dsn, embedded=True)
        else:
            yield _usual_place(app)

    @contextmanager
    def session(self, *, migrated: bool = True) -> Iterator[Session]:
        """Connect to the database; the embedded one is `migrated` first."""
        app = self.load()
        schema = checked_schema(self.schema or (app.schema if app else DEFAULT_SCHEMA))
        with self.place(app) as place, connect(place.dsn) as connection:
            if place.embedded and migrated:
                migrate.migrate(connection, schema)
            yield Session(connection, schema, place.dsn, app, self._listen_dsn(app))

    def _listen_dsn(self, app: PgQueue | None) -> str | None:
        if self.dsn or self.embedded:
            return None  # what the environment says is about another database
        return app.listen_dsn if app else os.environ.get("PGQUEUE_LISTEN_DSN") or None


@contextmanager
def connect(dsn: str) -> Iterator[SyncConnection]:
    """Open a connection for a person's questions; an error says to where, without the password."""
    if re.match(r"\w+://[^/?]*@[^/?]*@", dsn):
        raise ConfigurationError(
            "the connection string has two '@' before the database: in a password write %40 for one"
        )
    with ExitStack() as stack:
        try:
            given = connection_string(dsn, application_name="pgq")
        except psycopg.ProgrammingError as error:
            reason = re.sub(r'"[^"]*"', '"…"', str(error).strip())  # it may quote a password
            raise ConfigurationError(
                f"the connection string cannot be read ({reason}): write "
                "postgresql://user:password@host:port/database, or 'host=… dbname=…'"
            ) from None
        try:
            # Statements are not prepared: behind a pooler the next one may meet another server
            # process, which knows nothing of them.
            connection = psycopg.connect(given, autocommit=True, prepare_threshold=None)
        except psycopg.OperationalError as error:
            where = hide_password(dsn) or "PostgreSQL (as libpq's variables say)"
            raise ConfigurationError(f"no connection to {where}: {str(error).strip()}") from error
        connection.adapters.register_loader("timestamptz", EndlessLoader)
        yield stack.enter_context(connection)


def migrate_embedded(dsn: str, schema: str) -> None:
    """Bring the embedded database's schema to this release's."""
    with connect(dsn) as connection:
        migrate.migrate(connection, schema)


def say_where(session: Session) -> None:
    """Print which database the lines below are about."""
    click.echo(click.style(session.name, bold=True) + f", schema {session.schema}")


def _usual_place(app: PgQueue | None) -> Place:
    try:
        return Place(app.dsn if app else find_dsn(None, os.environ))
    except ConfigurationError:
        running = embedded.running_dsn(embedded.default_directory())
        if running is None:
            raise
        return Place(running, embedded=True)
