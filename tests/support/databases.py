"""Databases by the dozen: clones of one that was migrated once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count

import psycopg
from psycopg.conninfo import conninfo_to_dict
from pytest_postgresql.janitor import DatabaseJanitor

from pgqueue.migrate import migrate
from support.servers import Server

TEMPLATE = "migrated"


class Databases:
    """Makes databases on one server; each is dropped with all its connections when it is left."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._numbers = count(1)

    @contextmanager
    def template(self) -> Iterator[None]:
        with self._janitor(TEMPLATE, as_template=True):
            with psycopg.connect(self._server.direct_dsn(TEMPLATE), autocommit=True) as connection:
                migrate(connection)
            yield

    @contextmanager
    def empty(self) -> Iterator[str]:
        """Lend the DSN of a database with nothing in it."""
        with self._new() as dsn:
            yield dsn

    @contextmanager
    def migrated(self) -> Iterator[str]:
        """Lend the DSN of a database with the newest schema."""
        with self._new(template_dbname=TEMPLATE) as dsn:
            yield dsn

    @contextmanager
    def _new(self, **options: object) -> Iterator[str]:
        name = f"test_{next(self._numbers)}"
        with self._janitor(name, **options):
            yield self._server.dsn(name)

    def _janitor(self, name: str, **options: object) -> DatabaseJanitor:
        server = self._server
        return DatabaseJanitor(
            user=server.user, host=server.host, port=server.port, dbname=name, **options
        )


@contextmanager
def outage(server: Server, database: str) -> Iterator[None]:
    """Nobody is let into the database, and who is there has to leave."""
    name = conninfo_to_dict(database)["dbname"]
    with psycopg.connect(server.direct_dsn(), autocommit=True) as admin:
        admin.execute(f"alter database {name} allow_connections false")
        admin.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", [name]
        )
        try:
            yield
        finally:
            admin.execute(f"alter database {name} allow_connections true")
