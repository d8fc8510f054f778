"""What came before a job and what follows it, as seen from its handle."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Self, TypeVar

from pgqueue import operations

L = TypeVar("L", bound="Lineage")


class Lineage:
    """The half of `AsyncResult` that knows its relatives."""

    id: str
    _database: Any
    #: The handle of what came before in the canvas that it was sent with; None if nothing did.
    parent: Any = None

    @property
    def root(self) -> Any:
        """The handle of what its canvas began with."""
        first: Any = self
        while first.parent is not None:
            first = first.parent
        return first

    @property
    def children(self) -> list[Self]:
        """The handles of the jobs that it has released or enqueued, asked of the database."""
        return self._related(self._database.run(operations.children(self.id)))

    async def achildren(self) -> list[Self]:
        """Return the children, from a coroutine."""
        return self._related(await self._database.arun(operations.children(self.id)))

    def as_tuple(self) -> tuple[Any, Any]:
        """Return `((id, what came before), None)`: plain data, in Celery's form."""
        return as_tuple(self)

    def iterdeps(self) -> Iterator[tuple[Self | None, Self]]:
        """Yield (parent, handle) of this job and all that follow from it, the nearest first."""
        ahead: list[tuple[Self | None, Self]] = [(None, self)]
        seen: set[str] = set()
        while ahead:
            parent, each = ahead.pop(0)
            if each.id in seen:
                continue
            seen.add(each.id)
            yield parent, each
            ahead += [(each, child) for child in each.children]

    def collect(self: Any, timeout: float | None = None) -> Iterator[tuple[Any, Any]]:
        """Yield (handle, result) of this job and all that follow from it, waiting for each."""
        for _, each in self.iterdeps():
            yield each, each.get(timeout)

    def get_leaf(self: Any) -> Any:
        """Return the result of the last job that follows from this one; None if it has none yet."""
        last = self
        for _, each in self.iterdeps():
            last = each
        return last.result

    def _related(self, rows: Any) -> list[Self]:
        return [type(self)(row.id, self._database) for row in rows]  # type: ignore[call-arg]


def as_tuple(handle: Any) -> tuple[Any, Any]:
    """Return a handle as `((id, what came before), members)`."""
    line = [handle]
    while line[-1].parent is not None:  # not by recursion: chains are long
        line.append(line[-1].parent)
    found: Any = None
    for each in reversed(line):
        results = getattr(each, "results", None)
        found = (each.id, found), None if results is None else [one.as_tuple() for one in results]
    return found  # type: ignore[no-any-return] # (there is one)
