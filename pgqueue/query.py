"""An operation as a value: which statement, with what, and how its rows are read.

Nothing here does any input or output, so that one description of a transition serves every kind
of connection, sync and async.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

R_co = TypeVar("R_co", covariant=True)
T = TypeVar("T")

Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Query(Generic[R_co]):
    """One statement of `sql/`, its parameters, and what its rows mean."""

    name: str
    params: Mapping[str, Any]
    read: Callable[[Sequence[Row]], R_co]
    #: Makes what to run instead if this may have been done already, and its answer lost.
    again: Callable[[], Query[R_co]] | None = None


@dataclass(frozen=True, slots=True)
class Copy:
    """A `copy … from stdin` of `sql/`, and the text of its rows in blocks."""

    name: str
    blocks: Iterator[str]


class Database(Protocol):
    """Whatever can run a query: on its own connection, or on the caller's."""

    @property
    def schema(self) -> str:
        """The name of the schema that holds the tables."""
        ...

    def run(self, query: Query[T], connection: Any = None) -> T:
        """Run a query on a sync connection; the database's own if none is given."""
        ...

    async def arun(self, query: Query[T], connection: Any = None) -> T:
        """Run a query on an async connection; the database's own if none is given."""
        ...

    def transaction(self) -> AbstractContextManager[Any]:
        """Lend a sync connection for one transaction."""
        ...

    def atransaction(self) -> AbstractAsyncContextManager[Any]:
        """Lend an async connection for one transaction."""
        ...
