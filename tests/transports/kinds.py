"""Every kind of connection that an application may hold, driven alike.

A kind does what an application does with such a connection: transactions and savepoints in the
library's own way, and SQL of its own in them. `given` is what `using` takes.
"""

from __future__ import annotations

import asyncio
import json
from itertools import count
from uuid import uuid4

import asyncpg
import django
import psycopg
import psycopg2.extras
from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import connections, transaction
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import dict_row
from sqlalchemy import URL, NullPool, create_engine, text
from sqlalchemy.ext.asyncio import (
    AsyncSession,
    async_scoped_session,
    async_sessionmaker,
    create_async_engine,
)
from sqlalchemy.orm import Session, scoped_session, sessionmaker

from pgqueue import transports
from support import poolers


class Kind:
    """A sync connection, in a transaction from `begin` to `commit` or `rollback`."""

    #: Whether it commits each statement that is outside of them.
    autocommits = False

    def __init__(self, dsn: str) -> None:
        self.dsn = dsn
        self.given = self.open()

    def begin(self) -> None:
        pass  # most libraries begin by themselves

    def enqueue(self, task, *args, **options):
        return task.using(self.given, **options).delay(*args)

    def enqueue_bound(self, app, task, *args, **options):
        with app.bind(self.given):
            return task.apply_async(args, **options)

    def send(self, app, name, *args):
        return app.send_task(name, args, connection=self.given)

    def ask(self, query):
        return transports.run(self.given, query)

    def together(self, *queries, error=None):
        """Run queries in an atomic block, which fails in the end if there is an error."""
        with transports.atomic(self.given):
            for query in queries:
                transports.run(self.given, query)
            if error:
                raise error


class AsyncKind:
    """An async connection, driven from outside of its event loop."""

    autocommits = False

    def __init__(self, dsn: str) -> None:
        self.dsn = dsn
        self._runner = asyncio.Runner()
        self.given = self.wait(self.aopen())

    def wait(self, coroutine):
        return self._runner.run(coroutine)

    def close(self) -> None:
        self.wait(self.aclose())
        self._runner.close()

    def begin(self) -> None:
        self.wait(self.abegin())

    def execute(self, statement: str) -> None:
        self.wait(self.aexecute(statement))

    def commit(self) -> None:
        self.wait(self.acommit())

    def rollback(self) -> None:
        self.wait(self.arollback())

    def savepoint(self) -> None:
        self.wait(self.asavepoint())

    def undo(self) -> None:
        self.wait(self.aundo())

    async def abegin(self) -> None:
        pass

    def enqueue(self, task, *args, **options):
        return self.wait(task.using(self.given, **options).adelay(*args))

    def enqueue_bound(self, app, task, *args, **options):
        async def bound():
            with app.bind(self.given):
                return await task.aapply_async(args, **options)

        return self.wait(bound())

    def send(self, app, name, *args):
        return self.wait(app.asend_task(name, args, connection=self.given))

    def ask(self, query):
        return self.wait(transports.arun(self.given, query))

    def together(self, *queries, error=None):
        async def together():
            async with transports.aatomic(self.given):
                for query in queries:
                    await transports.arun(self.given, query)
                if error:
                    raise error

        self.wait(together())


# ── psycopg and psycopg2 ──


class Psycopg(Kind):
    def open(self):
        self.connection = psycopg.connect(self.dsn, **poolers.psycopg_options(self.dsn))
        return self.connection

    def close(self):
        self.connection.close()

    def execute(self, statement):
        self.connection.execute(statement)

    def commit(self):
        self.connection.commit()

    def rollback(self):
        self.connection.rollback()

    def savepoint(self):
        self.execute("savepoint here")

    def undo(self):
        self.execute("rollback to savepoint here")


class PsycopgCursor(Psycopg):
    def open(self):
        return super().open().cursor(row_factory=dict_row)


class PsycopgAutocommit(Psycopg):
    autocommits = True

    def open(self):
        super().open().autocommit = True
        return self.connection

    def begin(self):
        self.execute("begin")


class PsycopgPipeline(Psycopg):
    def open(self):
        connection = super().open()
        self._pipeline = connection.pipeline()
        self._pipeline.__enter__()
        return connection

    def close(self):
        self._pipeline.__exit__(None, None, None)
        super().close()


class Psycopg2(Psycopg):
    def open(self):
        self.connection = psycopg2.connect(self.dsn, cursor_factory=psycopg2.extras.RealDictCursor)
        return self.connection

    def execute(self, statement):
        with self.connection.cursor() as cursor:
            cursor.execute(statement)


class Psycopg2Cursor(Psycopg2):
    def open(self):
        return super().open().cursor()


class Psycopg2Autocommit(Psycopg2):
    autocommits = True

    def open(self):
        super().open().autocommit = True
        return self.connection

    def begin(self):
        self.execute("begin")

    def commit(self):
        self.execute("commit")

    def rollback(self):
        self.execute("rollback")


class AsyncPsycopg(AsyncKind):
    async def aopen(self):
        options = poolers.psycopg_options(self.dsn)
        self.connection = await psycopg.AsyncConnection.connect(self.dsn, **options)
        return self.connection

    async def aclose(self):
        await self.connection.close()

    async def aexecute(self, statement):
        await self.connection.execute(statement)

    async def acommit(self):
        await self.connection.commit()

    async def arollback(self):
        await self.connection.rollback()

    async def asavepoint(self):
        await self.aexecute("savepoint here")

    async def aundo(self):
        await self.aexecute("rollback to savepoint here")


class AsyncPsycopgCursor(AsyncPsycopg):
    async def aopen(self):
        return (await super().aopen()).cursor(row_factory=dict_row)


class AsyncPsycopgPipeline(AsyncPsycopg):
    async def aopen(self):
        connection = await super().aopen()
        self._pipeline = connection.pipeline()
        await self._pipeline.__aenter__()
        return connection

    async def aclose(self):
        await self._pipeline.__aexit__(None, None, None)
        await super().aclose()


# ── asyncpg ──


def asyncpg_options(dsn):
    told = conninfo_to_dict(dsn)
    options = {name: told[name] for name in ("host", "port", "user")}
    return {**options, "database": told["dbname"], **poolers.asyncpg_options(dsn)}


class Asyncpg(AsyncKind):
    autocommits = True

    async def aopen(self):
        self.connection = await asyncpg.connect(**asyncpg_options(self.dsn))
        return self.connection

    async def aclose(self):
        await self.connection.close()

    async def abegin(self):
        self._transaction = self.given.transaction()
        await self._transaction.start()

    async def aexecute(self, statement):
        await self.given.execute(statement)

    async def acommit(self):
        await self._transaction.commit()

    async def arollback(self):
        await self._transaction.rollback()

    async def asavepoint(self):
        self._savepoint = self.given.transaction()
        await self._savepoint.start()

    async def aundo(self):
        await self._savepoint.rollback()


class AsyncpgWithCodecs(Asyncpg):
    async def aopen(self):
        connection = await super().aopen()
        for name in ("json", "jsonb"):
            await connection.set_type_codec(
                name, encoder=json.dumps, decoder=json.loads, schema="pg_catalog"
            )
        return connection


class AsyncpgPool(Asyncpg):
    async def aopen(self):
        self._pool = await asyncpg.create_pool(**asyncpg_options(self.dsn), min_size=1, max_size=1)
        return await self._pool.acquire()

    def give_back(self):
        self.wait(self._pool.release(self.given))

    async def aclose(self):
        await self._pool.release(self.given)  # again, maybe: that does nothing
        await self._pool.close()


# ── SQLAlchemy ──


def url(dsn, driver):
    told = conninfo_to_dict(dsn)
    where = {"host": told["host"], "port": told["port"]}
    return URL.create(
        f"postgresql+{driver}", username=told["user"], database=told["dbname"], query=where
    )


def engine_options(dsn, driver):
    options = {
        "psycopg": poolers.psycopg_options,
        "asyncpg": sqlalchemy_asyncpg_options,
        "psycopg2": lambda _: {},
    }
    return {"poolclass": NullPool, "connect_args": options[driver](dsn)}


def sqlalchemy_asyncpg_options(dsn):
    if not poolers.is_pooled(dsn):
        return {}
    # SQLAlchemy prepares in any case: under names that nobody else has, as its manual advises.
    unique = {"prepared_statement_name_func": lambda: f"__asyncpg_{uuid4()}__"}
    return {**poolers.asyncpg_options(dsn), **unique}


class SQLAlchemy(Kind):
    driver = "psycopg"

    def open(self):
        options = engine_options(self.dsn, self.driver)
        self.engine = create_engine(url(self.dsn, self.driver), **options)
        return self.connect()

    def connect(self):
        return self.engine.connect()

    def close(self):
        self.given.close()
        self.engine.dispose()

    def execute(self, statement):
        self.given.execute(text(statement))

    def commit(self):
        self.given.commit()

    def rollback(self):
        self.given.rollback()

    def savepoint(self):
        self._savepoint = self.given.begin_nested()

    def undo(self):
        self._savepoint.rollback()


class SQLAlchemyAutocommit(SQLAlchemy):
    def connect(self):
        return self.engine.connect().execution_options(isolation_level="AUTOCOMMIT")


class SQLAlchemyPsycopg2(SQLAlchemy):
    driver = "psycopg2"


class SQLAlchemySession(SQLAlchemy):
    def connect(self):
        return Session(self.engine)


class SQLAlchemyPsycopg2Session(SQLAlchemySession):
    driver = "psycopg2"


class SQLAlchemyScopedSession(SQLAlchemy):
    def connect(self):
        return scoped_session(sessionmaker(self.engine))

    def close(self):
        self.given.remove()
        self.engine.dispose()


class AsyncSQLAlchemy(AsyncKind):
    driver = "psycopg"

    async def aopen(self):
        options = engine_options(self.dsn, self.driver)
        self.engine = create_async_engine(url(self.dsn, self.driver), **options)
        return await self.connect()

    async def connect(self):
        return await self.engine.connect()

    async def aclose(self):
        await self.given.close()
        await self.engine.dispose()

    async def aexecute(self, statement):
        await self.given.execute(text(statement))

    async def acommit(self):
        await self.given.commit()

    async def arollback(self):
        await self.given.rollback()

    async def asavepoint(self):
        self._savepoint = await self.given.begin_nested()

    async def aundo(self):
        await self._savepoint.rollback()


class AsyncSQLAlchemyAsyncpg(AsyncSQLAlchemy):
    driver = "asyncpg"


class AsyncSQLAlchemyAutocommit(AsyncSQLAlchemy):
    driver = "asyncpg"

    async def connect(self):
        connection = await super().connect()
        return await connection.execution_options(isolation_level="AUTOCOMMIT")


class AsyncSQLAlchemySession(AsyncSQLAlchemy):
    async def connect(self):
        return AsyncSession(self.engine)


class AsyncSQLAlchemyAsyncpgSession(AsyncSQLAlchemySession):
    driver = "asyncpg"


class AsyncSQLAlchemyScopedSession(AsyncSQLAlchemy):
    async def connect(self):
        return async_scoped_session(async_sessionmaker(self.engine), scopefunc=lambda: None)

    async def aclose(self):
        await self.given.remove()
        await self.engine.dispose()


# ── Django ──


_numbers = count(1)


def make_alias(dsn):
    """Name a database in Django's settings; return the alias."""
    if not settings.configured:
        settings.configure(DATABASES={}, USE_TZ=True)
        django.setup()
    told, alias = conninfo_to_dict(dsn), f"test_{next(_numbers)}"
    options = {name.upper(): str(told[name]) for name in ("host", "port", "user")}
    added = {"ENGINE": "django.db.backends.postgresql", "NAME": told["dbname"], **options}
    configured = connections.configure_settings({"default": {}, alias: added})
    connections.settings[alias] = configured[alias]
    return alias


class Django(Kind):
    autocommits = True

    def open(self):
        self.alias = make_alias(self.dsn)
        return self.alias

    def close(self):
        connections[self.alias].close()
        del connections[self.alias], connections.settings[self.alias]

    def begin(self):
        self._block = transaction.atomic(using=self.alias)
        self._block.__enter__()

    def execute(self, statement):
        with connections[self.alias].cursor() as cursor:
            cursor.execute(statement)

    def commit(self):
        self._block.__exit__(None, None, None)

    def rollback(self):
        transaction.set_rollback(True, using=self.alias)
        self.commit()

    def savepoint(self):
        self._savepoint = transaction.savepoint(using=self.alias)

    def undo(self):
        transaction.savepoint_rollback(self._savepoint, using=self.alias)


class DjangoConnection(Django):
    def open(self):
        return connections[super().open()]


class DjangoCursor(Django):
    def open(self):
        return connections[super().open()].cursor()

    def close(self):
        self.given.close()
        super().close()


class AsyncDjango(AsyncKind):
    """Django in a coroutine: whatever it does is done in the thread of sync_to_async."""

    autocommits = True

    async def aopen(self):
        self._sync = await sync_to_async(Django)(self.dsn)
        return self._sync.given

    async def aclose(self):
        await sync_to_async(self._sync.close)()

    async def abegin(self):
        await sync_to_async(self._sync.begin)()

    async def aexecute(self, statement):
        await sync_to_async(self._sync.execute)(statement)

    async def acommit(self):
        await sync_to_async(self._sync.commit)()

    async def arollback(self):
        await sync_to_async(self._sync.rollback)()

    async def asavepoint(self):
        await sync_to_async(self._sync.savepoint)()

    async def aundo(self):
        await sync_to_async(self._sync.undo)()


#: Kinds that commit each statement: their transactions are those that pgqueue opens.
AUTOCOMMIT = (SQLAlchemyAutocommit, AsyncSQLAlchemyAutocommit)

KINDS = (
    Psycopg,
    PsycopgCursor,
    PsycopgAutocommit,
    PsycopgPipeline,
    AsyncPsycopg,
    AsyncPsycopgCursor,
    AsyncPsycopgPipeline,
    Psycopg2,
    Psycopg2Cursor,
    Psycopg2Autocommit,
    Asyncpg,
    AsyncpgWithCodecs,
    AsyncpgPool,
    SQLAlchemy,
    SQLAlchemyPsycopg2,
    SQLAlchemySession,
    SQLAlchemyPsycopg2Session,
    SQLAlchemyScopedSession,
    AsyncSQLAlchemy,
    AsyncSQLAlchemyAsyncpg,
    AsyncSQLAlchemySession,
    AsyncSQLAlchemyAsyncpgSession,
    AsyncSQLAlchemyScopedSession,
    Django,
    DjangoConnection,
    DjangoCursor,
    AsyncDjango,
)

#: Kinds that have atomic blocks.
ATOMIC = tuple(kind for kind in KINDS if kind is not AsyncDjango)
