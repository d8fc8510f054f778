"""The connection that enqueueing joins in the current context, if it is bound to one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any


class Binding:
    """A connection per context (a thread, an asyncio task), for the length of a block.

    >>> binding = Binding()
    >>> with binding.to("connection"):
    ...     binding.connection
    'connection'
    >>> binding.connection is None
    True
    """

    def __init__(self) -> None:
        self._cell: ContextVar[_Cell | None] = ContextVar("pgqueue", default=None)

    @property
    def connection(self) -> Any:
        """The connection bound here; None outside of any block, and inside of `to(None)`."""
        cell = self._cell.get()
        return cell.connection if cell else None

    @contextmanager
    def to(self, connection: Any) -> Iterator[None]:
        """Bind a connection in the block, instead of what is bound outside of it."""
        outside, cell = self._cell.get(), _Cell(connection)
        self._cell.set(cell)
        try:
            yield
        finally:
            # Emptied too, for the asyncio tasks that were begun in the block and outlive it.
            cell.connection = None
            # Without the token: a generator may be ended in another context than it began in,
            # as those are that web frameworks run in threads.
            if self._cell.get() is cell:
                self._cell.set(outside)


class _Cell:
    """What a context and those copied from it share."""

    __slots__ = ("connection",)

    def __init__(self, connection: Any) -> None:
        self.connection = connection
