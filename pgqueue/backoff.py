"""Intervals that double up to a limit."""

from __future__ import annotations


class Doubling:
    """A sequence of intervals in seconds: first, twice that, … up to the last.

    >>> pauses = Doubling(1, 3)
    >>> pauses.next(), pauses.next(), pauses.next()
    (1, 2, 3)
    """

    __slots__ = ("_first", "_last", "_next")

    def __init__(self, first: float, last: float) -> None:
        self._first = first
        self._last = last
        self._next = first

    def next(self) -> float:
        """Return the next interval."""
        now = self._next
        self._next = min(self._last, now * 2)
        return now

    def reset(self) -> None:
        """Begin again with the first interval."""
        self._next = self._first
