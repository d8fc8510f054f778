"""How fast a worker is, how many jobs it claims for that, and how long outcomes gather. No I/O, no
clock of its own: callers give the time.
"""

from __future__ import annotations

import math

MAX_CLAIM = 500
#: What is fetched ahead grows no faster than so many times from one claim to the next.
GROWTH = 4
#: Jobs that are over within this time (seconds) are fetched ahead …
HORIZON = 0.05
#: … or within so many turns, if those take longer: a server that is far away or busy is to be asked
#: seldom and for more. But no further ahead than this (seconds).
TURNS_AHEAD, FURTHEST = 4.0, 0.2
#: From so many jobs per second on, a worker polls instead of having every enqueue notify, and lets
#: outcomes gather between two turns, if it keeps up.
BRISK = 500.0
#: They gather for so many seconds, longer the more of them come: a turn costs the worker and the
#: server the same whether it is of four jobs or of forty. Or until there are so many.
GATHER, GATHER_LONGEST, FULL = 0.004, 0.008, 250
#: At so many jobs per second they gather for the longest.
FAST = 2000.0


class Pace:
    """How fast jobs are done, as a running average over about a tenth of a second."""

    WINDOW = 0.1

    def __init__(self) -> None:
        self._done = 0.0
        self._at = -math.inf

    def add(self, count: int, now: float) -> None:
        """Note that so many jobs are done."""
        self._done = self._faded(now) + count
        self._at = now

    def per_second(self, now: float) -> float:
        """Return the rate as of now."""
        return self._faded(now) / self.WINDOW

    def _faded(self, now: float) -> float:
        return self._done * math.exp((self._at - now) / self.WINDOW)


class Speed:
    """How fast jobs are done while there are any: its clock stands while none is in hand.

    An average over about a tenth of a second, that is right from the first jobs on.
    """

    WINDOW = 0.1

    def __init__(self) -> None:
        self._done = 0.0
        self._share = 0.0  # of the window, that has been seen
        self._at = 0.0
        self._busy = False

    def note(self, now: float, *, done: int = 0, busy: bool) -> None:
        """Note that so many jobs are done, and whether there are any left."""
        if self._busy:
            fade = math.exp((self._at - now) / self.WINDOW)
            self._done *= fade
            self._share = 1 - (1 - self._share) * fade
        self._done += done
        self._at, self._busy = now, busy

    @property
    def per_second(self) -> float:
        """The speed as of the last note."""
        return self._done / (self.WINDOW * self._share) if self._share else 0.0


def horizon(turn: float) -> float:
    """Return for how many seconds to fetch ahead, given how long a turn takes.

    >>> horizon(turn=0.005), horizon(turn=0.03), horizon(turn=0.5)
    (0.05, 0.12, 0.2)
    """
    return min(max(HORIZON, TURNS_AHEAD * turn), FURTHEST)


def wanted(
    *, slots: int, in_hand: int, speed: float, ahead: float = HORIZON, stock: int = MAX_CLAIM
) -> int:
    """Return how many jobs to claim: for the free slots, and what will be free within the horizon.

    Long jobs make the speed small, and are not fetched ahead of the slot that will run them. What
    was in hand after the last claim, `stock`, limits it: the next jobs may be longer.

    >>> wanted(slots=8, in_hand=8, speed=0.5), wanted(slots=8, in_hand=8, speed=4000.0)
    (0, 200)
    >>> wanted(slots=8, in_hand=0, speed=4000.0, stock=8)
    40
    """
    return max(0, min(MAX_CLAIM, slots + min(int(speed * ahead), GROWTH * stock) - in_hand))


def patience(*, rate: float, slots: int, in_hand: int, reported: int, keeps_up: bool) -> float:
    """Return for how many seconds after a turn began outcomes may gather for the next.

    A worker that does not keep up has fetched ahead, and waits for half as long as that lasts:
    many workers on one server would else commit a few jobs each, and wait for each other's fsync.

    >>> patience(rate=600.0, slots=8, in_hand=9, reported=3, keeps_up=True)
    0.004
    >>> patience(rate=4000.0, slots=8, in_hand=9, reported=3, keeps_up=True)
    0.008
    >>> patience(rate=2000.0, slots=8, in_hand=88, reported=3, keeps_up=False)
    0.02
    """
    if rate <= BRISK or reported >= FULL:
        return 0.0
    if keeps_up:
        return max(GATHER, GATHER_LONGEST * min(rate / FAST, 1.0))
    stock = (in_hand - slots) / rate
    return max(0.0, min(stock, HORIZON) / 2)
