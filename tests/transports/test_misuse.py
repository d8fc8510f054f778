"""What cannot be used is refused before anything is sent, with what it is and what to do."""

from __future__ import annotations

import asyncio
import subprocess
import sys

import asyncpg
import psycopg
import psycopg2
import psycopg2.pool
import pytest
from django.db import connections
from kinds import (
    KINDS,
    AsyncKind,
    Asyncpg,
    AsyncpgPool,
    AsyncPsycopg,
    AsyncSQLAlchemy,
    Django,
    DjangoConnection,
    Psycopg,
    Psycopg2,
    SQLAlchemy,
    asyncpg_options,
    make_alias,
)
from psycopg_pool import AsyncConnectionPool, ConnectionPool
from sqlalchemy import NullPool, create_engine
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine
from sqlalchemy.orm import sessionmaker

from pgqueue import UsageError, transports

SYNC = [kind for kind in KINDS if not issubclass(kind, AsyncKind) and not issubclass(kind, Django)]
ASYNC = [kind for kind in KINDS if issubclass(kind, AsyncKind) and "Django" not in kind.__name__]


def refused(task, connection, *parts, sync=True):
    """Enqueue; the error is a UsageError that has all parts in it."""
    with pytest.raises(UsageError) as raised:
        if sync:
            task.using(connection).delay(1)
        else:
            asyncio.run(task.using(connection).adelay(1))
    for part in parts:
        assert part in str(raised.value)


@pytest.mark.parametrize("kind", ASYNC, ids=lambda kind: kind.__name__)
def test_an_async_connection_asks_for_the_async_twin(kind, database, open_kind, add, queued):
    held = open_kind(kind, database)
    refused(add, held.given, "this connection is async: call the async twin", "adelay()")
    with pytest.raises(UsageError, match="is async"), transports.atomic(held.given):
        pass
    assert queued() == []


@pytest.mark.parametrize("kind", SYNC, ids=lambda kind: kind.__name__)
def test_a_sync_connection_asks_for_the_sync_method(kind, database, open_kind, add, queued):
    held = open_kind(kind, database)
    refused(add, held.given, "this connection is sync: call delay()", sync=False)

    async def block():
        async with transports.aatomic(held.given):
            pass

    with pytest.raises(UsageError, match="is sync"):
        asyncio.run(block())
    assert queued() == []


def test_delay_on_django_in_a_coroutine_asks_for_the_async_twin(database, open_kind, add):
    held = open_kind(Django, database)

    async def enqueue():
        add.using(held.given).delay(1)

    with pytest.raises(UsageError, match="in a coroutine call the async twin, such as adelay"):
        asyncio.run(enqueue())


def test_a_django_connection_from_a_coroutine_is_its_alias(database, open_kind, add, queued):
    """The object belongs to another thread than the one that coroutines share."""
    held = open_kind(DjangoConnection, database)

    async def enqueue():
        return await add.using(held.given).adelay(1)

    job = asyncio.run(enqueue())
    assert queued() == [job.id]


@pytest.mark.parametrize("kind", [Psycopg, Psycopg2, SQLAlchemy])
def test_a_closed_connection_is_named(kind, database, open_kind, add):
    held = open_kind(kind, database)
    held.given.close()
    refused(add, held.given, "this connection is closed; give one that is open")


@pytest.mark.parametrize("kind", [AsyncPsycopg, Asyncpg, AsyncSQLAlchemy])
def test_a_closed_async_connection_is_named(kind, database, open_kind, add):
    held = open_kind(kind, database)
    held.wait(held.given.close())
    refused(add, held.given, "this connection is closed; give one that is open", sync=False)


def test_a_connection_that_was_given_back_to_its_pool_is_closed(database, open_kind, add):
    held = open_kind(AsyncpgPool, database)
    held.give_back()
    refused(add, held.given, "PoolConnectionProxy: this connection is closed", sync=False)


def test_what_makes_connections_is_not_one(add):
    url = "postgresql+psycopg://nowhere/none"
    engine, async_engine = create_engine(url), create_async_engine(url)
    refused(add, engine, "sqlalchemy.engine.base.Engine: this is an engine", "engine.begin()")
    refused(add, sessionmaker(engine), "a maker of sessions", "with sessionmaker.begin()")
    refused(add, async_engine, "AsyncEngine: this is an engine", "async with engine.begin()")
    refused(add, async_sessionmaker(async_engine), "a maker of sessions", "async with sessionmaker")
    refused(add, async_engine, "this is an engine", sync=False)


def test_a_pool_is_not_a_connection(database, add):
    remedy = "take one from it"
    with ConnectionPool(database, min_size=0, max_size=1, open=True) as pool:
        refused(add, pool, "psycopg_pool.pool.ConnectionPool: this is a pool", remedy)
    pool = psycopg2.pool.SimpleConnectionPool(0, 1, database)
    refused(add, pool, "psycopg2.pool.SimpleConnectionPool: this is a pool", remedy)
    pool.closeall()

    async def pools():
        async with AsyncConnectionPool(database, min_size=0, max_size=1, open=False) as pool:
            with pytest.raises(UsageError, match="AsyncConnectionPool: this is a pool"):
                await add.using(pool).adelay(1)
        async with asyncpg.create_pool(**asyncpg_options(database), min_size=0) as pool:
            with pytest.raises(UsageError, match=r"this is a pool, .*async with pool.acquire\(\)"):
                await add.using(pool).adelay(1)

    asyncio.run(pools())


@pytest.mark.parametrize("sync", [True, False])
def test_anything_else_is_named_with_what_to_give(add, database, sync):
    remedy = "give a connection or cursor of psycopg"
    refused(add, object(), "connection=builtins.object: ", remedy, sync=sync)
    refused(add, 7, "connection=builtins.int: ", remedy, sync=sync)
    with psycopg.connect(database) as connection:
        refused(add, connection.info, "psycopg.ConnectionInfo: ", remedy, sync=sync)
    refused(add, asyncpg.Record, "connection=builtins.type: ", remedy, sync=sync)
    engine = create_engine("postgresql+psycopg://nowhere/none", poolclass=NullPool)
    refused(add, engine.dialect, "PGDialect_psycopg: ", remedy, sync=sync)


def test_a_driver_that_we_do_not_know_is_named(add):
    with create_engine("sqlite://").connect() as connection:
        refused(add, connection, "Connection on sqlite+pysqlite: ", "as postgresql+psycopg://")


def test_a_text_is_an_alias_of_django_or_nothing(add, database, open_kind):
    held = open_kind(Django, database)
    refused(add, "shop", "connection='shop'", f"there are only these: default, {held.given}")
    refused(add, "shop", "connection='shop'", sync=False)
    refused(add, "default", "connection='default'", "Django's database of this alias is unknown")


def test_a_connection_string_is_not_a_connection_and_its_password_is_not_shown(add, database):
    alias = make_alias(database)  # so that Django is ready
    connections.settings.pop(alias)
    for dsn in ("postgresql://u:secret@db/shop", "host=db password=secret dbname=shop"):
        with pytest.raises(UsageError, match=r"belongs into PgQueue\(dsn=…\)") as raised:
            add.using(dsn).delay(1)
        assert "secret" not in str(raised.value)


HIDE = """
class NotThere:
    def find_spec(self, name, *_):
        if name == "django":
            raise ModuleNotFoundError("No module named 'django'", name=name)
sys.meta_path.insert(0, NotThere())
"""
ALIAS = """
import sys
{before}
from pgqueue import PgQueue, UsageError
try:
    PgQueue("shop").send_task("add", connection="default")
except UsageError as error:
    print(error)
"""


@pytest.mark.parametrize(
    ("before", "why"),
    [
        (HIDE, "and Django is not installed"),
        ("", "and Django is not ready: Requested setting DATABASES"),
    ],
)
def test_an_alias_without_django_says_so(before, why):
    code = ALIAS.format(before=before)
    said = subprocess.check_output([sys.executable, "-c", code], text=True)
    assert said.startswith("connection='default': a text is taken for an alias of Django's")
    assert why in said


def test_a_bad_connection_is_refused_where_it_is_bound(app):
    with pytest.raises(UsageError, match=r"connection=builtins\.object: "), app.bind(object()):
        pass
