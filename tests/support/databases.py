"""Databases by the dozen: clones of one that was migrated once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import Self

import psycopg
from psycopg.conninfo import conninfo_to_dict
from pytest_postgresql.janitor import DatabaseJanitor

from pgqueue.migrate import migrate
from support.servers import Server
from support.waiting import wait_for

TEMPLATE = "migrated"
#: Files are copied in a third of the time in which their pages are written to the WAL as well.
SINCE_15 = "strategy file_copy"


class Databases:
    """Makes databases on one server; each is dropped with all its connections when it is left."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._numbers = count(1)
        self._copied = SINCE_15 if server.major >= 15 else ""
        self._template = DatabaseJanitor(
            user=server.user, host=server.host, port=server.port, dbname=TEMPLATE, as_template=True
        )

    def __enter__(self) -> Self:
        self._admin = psycopg.connect(self._server.direct_dsn(), autocommit=True)
        self._template.init()
        with psycopg.connect(self._server.direct_dsn(TEMPLATE), autocommit=True) as connection:
            migrate(connection)
        self._left(TEMPLATE)
        return self

    def __exit__(self, *_: object) -> None:
        self._admin.close()
        self._template.drop()

    @contextmanager
    def empty(self) -> Iterator[str]:
        """Lend the DSN of a database with nothing in it."""
        with self._new("template1") as dsn:
            yield dsn

    @contextmanager
    def migrated(self) -> Iterator[str]:
        """Lend the DSN of a database with the newest schema."""
        with self._new(TEMPLATE) as dsn:
            yield dsn

    @contextmanager
    def _new(self, template: str) -> Iterator[str]:
        name = f"test_{next(self._numbers)}"
        self._admin.execute(f"create database {name} template {template} {self._copied}")
        try:
            yield self._server.dsn(name)
        finally:
            self._admin.execute(f"alter database {name} allow_connections false")
            self._left(name)
            self._admin.execute(f"drop database {name} with (force)")

    def _left(self, name: str) -> None:
        """Wait until nobody is in a database: who copies or drops it does so in steps of 100 ms."""
        wait_for(lambda: not terminate(self._admin, name), f"{name} to be left")


def terminate(connection: psycopg.Connection, name: str) -> bool:
    """End every session in a database; tell whether there was one."""
    sessions = "select pg_terminate_backend(pid) from pg_stat_activity where datname = %s"
    return bool(connection.execute(sessions, [name]).fetchall())


@contextmanager
def outage(server: Server, database: str) -> Iterator[None]:
    """Nobody is let into the database, and who is there has to leave."""
    name = conninfo_to_dict(database)["dbname"]
    with psycopg.connect(server.direct_dsn(), autocommit=True) as admin:
        admin.execute(f"alter database {name} allow_connections false")
        terminate(admin, name)
        try:
            yield
        finally:
            admin.execute(f"alter database {name} allow_connections true")
