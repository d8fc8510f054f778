"""Runs queries on the connections that applications hold, whichever library they are from.

What a connection is, is told by its class; only its library's transport is then imported:

====================  =============================================================================
`psycopg`             psycopg 3: connections and cursors, sync and async
`asyncpg`             asyncpg: connections, from a pool or not; async
`sqlalchemy`          SQLAlchemy 2: connections and sessions; sync
`sqlalchemy_asyncio`  the same; async
`django`              Django: the alias of a database, or its connection
`psycopg2`            psycopg2: connections and cursors; sync
====================  =============================================================================

Each transport is a module with the verbs of `Transport`; some can copy besides.
"""

from __future__ import annotations

import weakref
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from importlib import import_module
from typing import Any, Protocol, TypeAlias, TypeVar, cast

from pgqueue.query import Query
from pgqueue.statements import DEFAULT_SCHEMA
from pgqueue.transports import misuse

T = TypeVar("T")

#: The libraries whose connections we take, by the packages of their classes, and the transports.
LIBRARIES = {
    "psycopg": "psycopg",
    "asyncpg": "asyncpg",
    "sqlalchemy.ext.asyncio": "sqlalchemy_asyncio",
    "sqlalchemy": "sqlalchemy",
    "django": "django",
    "psycopg2": "psycopg2",
}


class Transport(Protocol):
    """What is done on a connection of the caller's.

    A verb that the connection cannot serve, and a connection that cannot serve any, raise
    `UsageError`, which says what to do; nothing was sent then.
    """

    def run(self, connection: Any, query: Query[T], schema: str) -> T:
        """Run a query in the connection's current transaction."""
        ...

    async def arun(self, connection: Any, query: Query[T], schema: str) -> T:
        """Run a query in the async connection's current transaction."""
        ...

    def atomic(self, connection: Any) -> AbstractContextManager[None]:
        """Make what is run in the block happen altogether or not at all."""
        ...

    def aatomic(self, connection: Any) -> AbstractAsyncContextManager[None]:
        """Make what is run in the block happen altogether or not at all."""
        ...


#: Sends blocks of text under a `copy … from stdin`.
Copier: TypeAlias = Callable[[str, Iterable[str]], None]
AsyncCopier: TypeAlias = Callable[[str, Iterable[str]], Awaitable[None]]

# By class, weakly: every sessionmaker() of SQLAlchemy makes a class of its own.
_chosen: weakref.WeakKeyDictionary[type, Transport] = weakref.WeakKeyDictionary()


def choose(connection: object) -> Transport:
    """Return the transport for a connection; raises `UsageError` if there is none."""
    kind = type(connection)
    transport = _chosen.get(kind)
    if transport is None:
        transport = _chosen[kind] = _load(connection)
    return transport


def run(connection: Any, query: Query[T], schema: str = DEFAULT_SCHEMA) -> T:
    """Run a query on a sync connection of the caller's, in its current transaction."""
    return choose(connection).run(connection, query, schema)


async def arun(connection: Any, query: Query[T], schema: str = DEFAULT_SCHEMA) -> T:
    """Run a query on an async connection of the caller's, in its current transaction."""
    return await choose(connection).arun(connection, query, schema)


def atomic(connection: Any) -> AbstractContextManager[None]:
    """Make what is run on a sync connection in the block happen altogether or not at all.

    A transaction of its own if the connection commits each statement, else a savepoint in the
    transaction that is open or begins: the caller's commit and rollback stay the caller's.
    """
    return choose(connection).atomic(connection)


def aatomic(connection: Any) -> AbstractAsyncContextManager[None]:
    """Make what is run on an async connection in the block happen altogether, like `atomic`."""
    return choose(connection).aatomic(connection)


def copier(connection: Any) -> Copier | None:
    """Return what copies blocks of text on a sync connection; None if it cannot, or not now."""
    find = getattr(choose(connection), "copier", None)
    return find(connection) if find else None


def acopier(connection: Any) -> AsyncCopier | None:
    """Return what copies blocks of text on an async connection; None if it cannot, or not now."""
    find = getattr(choose(connection), "acopier", None)
    return find(connection) if find else None


def _load(connection: object) -> Transport:
    for package in _packages(connection):
        if package in LIBRARIES:
            break
    else:
        raise misuse.unknown(connection)
    try:
        module = import_module(f"{__name__}.{LIBRARIES[package]}")
    except ModuleNotFoundError as error:
        if not isinstance(connection, str) or error.name not in ("django", "asgiref"):
            raise
        raise misuse.no_alias(connection, "Django is not installed") from None
    return cast(Transport, module)


def _packages(connection: object) -> Iterator[str]:
    """The packages that a connection's class and its bases are from, the innermost first."""
    if isinstance(connection, str):
        yield "django"  # the alias of a database
    for base in type(connection).__mro__:
        parts = base.__module__.split(".")
        yield from (".".join(parts[:end]) for end in range(len(parts), 0, -1))
