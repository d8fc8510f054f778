"""How often: intervals that double up to a limit, and messages that do not repeat themselves."""

from __future__ import annotations

import math


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


class Seldom:
    """Lets something be said at most once in so many seconds; the caller gives the time.

    >>> outage = Seldom(10)
    >>> [second for second in range(25) if outage.may(second)]
    [0, 10, 20]
    """

    __slots__ = ("_again_at", "_interval")

    def __init__(self, interval: float) -> None:
        self._interval = interval
        self._again_at = -math.inf

    def may(self, now: float) -> bool:
        """Return whether it may be said now; if so, it counts as said."""
        if now < self._again_at:
            return False
        self._again_at = now + self._interval
        return True
