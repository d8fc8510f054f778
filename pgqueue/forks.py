"""After a fork the child opens connections of its own; those of its parent are cut off from it.

A session that two processes write to is nobody's, under TLS least of all, and who says goodbye on
it ends it for both. So in the child dead sockets take the place of our connections' before any of
its code runs: whatever it still holds, uses, closes or throws away, reaches nobody.
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Callable
from typing import Any, TypeAlias, TypeVar
from weakref import WeakKeyDictionary, WeakSet

import psycopg

T = TypeVar("T")
Connection: TypeAlias = psycopg.Connection[Any] | psycopg.AsyncConnection[Any]


class Forks:
    """What there is to do in the next child of this process."""

    def __init__(self) -> None:
        self._pid = os.getpid()
        self._connections: WeakSet[Connection] = WeakSet()
        self._holders: WeakKeyDictionary[Any, Callable[[Any], None]] = WeakKeyDictionary()

    def watch(self, connection: Connection) -> None:
        """Have a connection cut off from children."""
        self._connections.add(connection)

    def tell(self, holder: T, forget: Callable[[T], None]) -> None:
        """Have a holder of connections, locks or threads forget them in children."""
        self._holders[holder] = forget

    def notice(self) -> None:
        """Begin anew if this is a child; for uWSGI, which forks without Python's knowing it."""
        if os.getpid() != self._pid:
            self.begin_anew()

    def begin_anew(self) -> None:
        """Cut off every connection, and have every holder forget."""
        self._pid = os.getpid()
        for connection in list(self._connections):
            _cut(connection)
        self._connections.clear()
        for holder, forget in list(self._holders.items()):
            forget(holder)


def _cut(connection: Connection) -> None:
    # Not closed: its number would be the next file's, and libpq still knows it.
    with contextlib.suppress(psycopg.OperationalError):  # it was closed before
        fileno = connection.pgconn.socket
        here, there = socket.socketpair()
        there.close()
        os.dup2(here.fileno(), fileno, inheritable=False)
        here.close()


#: Those of this process.
FORKS = Forks()
os.register_at_fork(after_in_child=FORKS.begin_anew)
