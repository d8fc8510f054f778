"""Django: the alias of a database, or its connection.

Django's connections belong to threads. From a coroutine they are used in the thread in which
`sync_to_async` runs whatever else the coroutine does with Django's database.
"""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager, AbstractContextManager
from typing import Any, TypeVar

from asgiref.sync import sync_to_async
from django.core.exceptions import ImproperlyConfigured, SynchronousOnlyOperation
from django.db import connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper
from django.utils.connection import ConnectionDoesNotExist, ConnectionProxy

from pgqueue.errors import UsageError
from pgqueue.query import Query
from pgqueue.transports import misuse, texts
from pgqueue.transports.explain import explained

T = TypeVar("T")


def run(connection: Any, query: Query[T], schema: str) -> T:
    """Run a query on the database of an alias, in this thread's current transaction."""
    try:
        with explained(schema), connections[_checked(connection)].cursor() as cursor:
            cursor.execute(*texts.named(query, schema))
            return query.read(cursor.fetchall() if cursor.description else [])
    except SynchronousOnlyOperation:
        raise UsageError(
            f"connection={connection!r}: in a coroutine call the async twin, such as adelay() "
            "instead of delay()"
        ) from None


async def arun(connection: Any, query: Query[T], schema: str) -> T:
    """Run a query on the database of an alias, in the thread that Django's coroutines share."""
    return await sync_to_async(run, thread_sensitive=True)(_checked(connection), query, schema)


def atomic(connection: Any) -> AbstractContextManager[None]:
    """Open a transaction, or a savepoint if one is open."""
    block: AbstractContextManager[None] = transaction.atomic(using=_checked(connection))
    return block


def aatomic(connection: Any) -> AbstractAsyncContextManager[None]:
    """Refuse: Django has no async transactions.

    Other coroutines, which share the thread, would come to be in the one that is opened here.
    """
    raise UsageError(
        f"connection={_checked(connection)!r}: Django has no async transactions: call the sync "
        "twin in one function with asgiref's sync_to_async"
    )


def _checked(given: Any) -> str:
    """The alias of a database that can be used."""
    alias = given
    if isinstance(given, CursorWrapper):
        alias = given.db.alias
    elif isinstance(given, ConnectionProxy | BaseDatabaseWrapper):
        alias = given.alias
    if not isinstance(alias, str):
        raise misuse.unknown(given)
    try:
        vendor = connections[alias].vendor
    except ConnectionDoesNotExist:
        known = ", ".join(connections)
        raise misuse.no_alias(alias, f"there are only these: {known}") from None
    except ImproperlyConfigured as error:
        raise misuse.no_alias(alias, f"Django is not ready: {error}") from error
    if vendor != "postgresql":
        raise UsageError(
            f"connection={alias!r}: Django's database of this alias is {vendor}: jobs are enqueued "
            "on PostgreSQL; give the alias of such a database"
        )
    return alias
