"""Which of the supervisor's loops go round: each says so, and a probe sees which has fallen silent.

A loop that waits for PostgreSQL is excused for as long as that takes: an outage of any length is no
fault of the worker's, and a restart would not end it. Everything else has its bound.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")

#: A loop that has said nothing for so many seconds hangs, if it was not to rest for longer.
BOUND = 30.0
#: A loop that waits for an event says at least this often, in seconds, that it is there.
REST = 5.0

TICKING, WAITING, HUNG = "ticking", "waiting", "hung"


@dataclass(slots=True)
class Loop:
    """A loop: how long it may be silent, when it last went round, how often it waits elsewhere."""

    clock: Callable[[], float]
    bound: float
    ticked_at: float
    away: int = 0

    def state(self) -> str:
        """Return what it does."""
        if self.away:
            return WAITING
        return TICKING if self.clock() - self.ticked_at <= self.bound else HUNG


_mine: ContextVar[Loop | None] = ContextVar("pgqueue_loop", default=None)


class Board:
    """The loops that should be going round; any thread may read it.

    >>> board = Board()
    >>> async def pump():
    ...     tick()
    ...     return board.states()
    >>> asyncio.run(board.follow("pump", pump()))
    {'pump': 'ticking'}
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._loops: dict[str, Loop] = {}

    async def follow(self, name: str, loop: Awaitable[T], rests: float = 0.0) -> T:
        """Run a loop to its end; until then it must tick, at the latest after `rests` + BOUND s."""
        mine = self._loops[name] = Loop(self._clock, rests + BOUND, self._clock())
        _mine.set(mine)
        try:
            return await loop
        finally:
            del self._loops[name]

    def states(self) -> dict[str, str]:
        """Return what each loop does: it is `ticking`, `waiting` for PostgreSQL, or `hung`."""
        return {name: loop.state() for name, loop in list(self._loops.items())}


def tick() -> None:
    """Say that the loop in which this is called goes round."""
    if mine := _mine.get():
        mine.ticked_at = mine.clock()


class Away:
    """Excuses a loop for as long as it waits for PostgreSQL: `async with away(): …`."""

    __slots__ = ("_loop",)

    def __init__(self, loop: Loop | None) -> None:
        self._loop = loop

    async def __aenter__(self) -> None:
        if self._loop:
            self._loop.away += 1

    async def __aexit__(self, *error: object) -> None:
        if self._loop:
            self._loop.ticked_at = self._loop.clock()
            self._loop.away -= 1


def away() -> Away:
    """Return what excuses the loop in which this is called."""
    return Away(_mine.get())


async def rest(event: asyncio.Event, seconds: float | None = None) -> None:
    """Wait until an event happens, or for so many seconds; the loop ticks meanwhile."""
    clock = asyncio.get_running_loop().time
    end = None if seconds is None else clock() + seconds
    while True:  # once at least, so that others get their turn
        tick()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(event.wait(), REST if end is None else min(REST, end - clock()))
        if event.is_set() or (end is not None and clock() >= end):
            return
