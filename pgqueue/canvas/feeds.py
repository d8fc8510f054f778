"""What the pieces of a canvas hand on to each other, and what comes of them. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import UUID

from pgqueue.errors import PgQueueError

#: Where a piece is: ("chain", 2) is the second task of a chain.
Path = tuple[tuple[str, object], ...]


class Context(NamedTuple):
    """What a canvas is sent from: the job that runs here, and its root; or nothing."""

    parent_id: UUID | None = None
    root_id: UUID | None = None


class Feed(NamedTuple):
    """What a piece begins with, and what it leaves to the next one.

    The results of `ids` come first, as one list if `many`; then `args`, which are known. `after`
    is only waited for. `parent` is what its first jobs have as their parent.
    """

    ids: tuple[UUID, ...] = ()
    many: bool = False
    after: tuple[UUID, ...] = ()
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = {}
    parent: UUID | None = None

    @property
    def waits(self) -> tuple[UUID, ...]:
        """The jobs that must have succeeded before."""
        return self.ids or self.after

    def only_waiting(self) -> Feed:
        """Return the feed of a piece that takes no arguments."""
        return Feed(after=self.waits, parent=self.parent)

    def given(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Feed:
        """Return the feed with known arguments besides."""
        if not args and not kwargs:
            return self
        return self._replace(args=(*self.args, *args), kwargs={**kwargs, **self.kwargs})


@dataclass(frozen=True, slots=True)
class Shape:
    """What a piece's result is: a job's, or a group's `members`; `above`: what came before it."""

    id: UUID
    members: tuple[Shape, ...] | None = None
    above: Shape | None = None


@contextmanager
def named(path: Path) -> Iterator[None]:
    """Have an error say where in the canvas it was found."""
    try:
        yield
    except PgQueueError as error:
        raise type(error)(f"{said(path)}{error}") from error


def said(path: Path) -> str:
    """Return a place in a canvas as people say it.

    >>> said((("chain", "task 2"), ("group", "task 1")))
    'chain, task 2: group, task 1: '
    """
    return "".join(f"{kind}, {number}: " if number else f"{kind}: " for kind, number in path)
