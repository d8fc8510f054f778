"""The two stages of stopping: no new claims and time to end, then at once."""

from __future__ import annotations

import asyncio
import math


class Shutdown:
    """Whether the worker is to stop, and by when what runs must have ended."""

    def __init__(self, grace: float) -> None:
        self.grace = grace
        self.asked = asyncio.Event()
        #: Whether it was asked for twice, and everything is to end at once.
        self.hurried = False
        self._deadline = math.inf

    @property
    def under_way(self) -> bool:
        """Whether the worker claims no more."""
        return self.asked.is_set()

    def ask(self, now: float) -> bool:
        """Note a request to stop; False if it is not the first, and everything ends at once."""
        first = not self.under_way
        if not first:
            self.hurried = True
        self._deadline = now + self.grace if first else now
        self.asked.set()
        return first

    def remaining(self, now: float) -> float:
        """Return the seconds until what still runs is killed; infinite while not stopping."""
        return max(0.0, self._deadline - now)
