"""When to look for jobs that have limits, and for how many. No I/O, no clock of its own.

A worker none of whose queues has a limited job asks now and then whether there is one, along with a
look that it makes anyway; one of which some task is limited, or some queue has a rate, or that has
found some, at every look.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from pgqueue.allowance import Allowance
from pgqueue.rows import LimitsDue, TaskSettings

#: How long it is between two questions whether there is anything limited, and between two looks
#: whether jobs are to be parked (seconds).
ASK_EVERY = 0.25
#: A look that found something due that it could not have does not follow at once.
AGAIN = 0.002


class Limited:
    """What a worker knows of limits."""

    def __init__(
        self, declared: Mapping[str, Sequence[object]] | None = None, *, rates: bool
    ) -> None:
        self._declared = {
            name: Allowance(*each)  # type: ignore[arg-type] # (as its child has said)
            for name, each in (declared or {}).items()
        }
        self.rates = rates
        #: The tasks that are limited now, and how.
        self.tasks: Mapping[str, Allowance] = self._declared
        #: Whether a queue has a rate, so that jobs of all tasks may be limited.
        self._rated = False
        self._due_at = math.inf
        self._ask_at = self._park_at = -math.inf

    def override(self, settings: Sequence[TaskSettings], known: Sequence[str]) -> None:
        """Take what was said of tasks: a rate where the task declares none limits it, too."""
        tasks = dict(self._declared)
        for each in settings:
            if each.rate_limit is not None and self.rates and each.task in known:
                tasks.setdefault(each.task, Allowance(rate_limit=each.rate_limit))
        self.tasks = tasks
        self._park_at = self._ask_at = -math.inf

    def plain(self, tasks: Sequence[str]) -> Sequence[str]:
        """Return those of the tasks that have no limits."""
        return [task for task in tasks if task not in self.tasks] if self.tasks else tasks

    def looks(self, now: float, *, sweeps: bool) -> bool:
        """Return whether a look is for limited jobs, too."""
        return (self._any and sweeps) or now >= self._due_at

    def asks(self, now: float, *, sweeps: bool, freed: bool = False) -> bool:
        """Return whether a look asks when there is something limited to look after.

        `freed`: it has ended limited jobs. A queue with a rate may be another worker's just then.
        """
        due = self.looks(now, sweeps=sweeps) or (freed and self._rated)
        return due or (sweeps and now >= self._ask_at)

    def parks(self, now: float, *, sweeps: bool) -> bool:
        """Return whether a look parks jobs that are limited first."""
        return self._any and (sweeps or now >= self._park_at)

    def parked(self, jobs: int, limit: int, now: float) -> None:
        """Note how many jobs were parked."""
        self._park_at = now if jobs >= limit else now + ASK_EVERY

    def answered(self, due: LimitsDue, now: float) -> None:
        """Note when there is something to look after; at once, if a queue has got a rate."""
        news = due.rated and not self._rated
        self._rated = due.rated
        self._ask_at = now + ASK_EVERY
        seconds = 0.0 if news else due.seconds
        self._due_at = math.inf if seconds is None else now + max(AGAIN, seconds)
        if news:
            self._park_at = now

    def pause(self, now: float) -> float:
        """Return the seconds until there is something to look after, as far as it is known."""
        return self._due_at - now

    @property
    def _any(self) -> bool:
        return bool(self.tasks) or self._rated


def wanted(*, slots: int, in_hand: int, want: int) -> int:
    """Return how many limited jobs to claim: as many as can start at once, for they count.

    A worker whose hands are full of plain jobs, which end fast, has a few wait for those: else
    limited ones would never have their turn.

    >>> wanted(slots=8, in_hand=5, want=40), wanted(slots=8, in_hand=60, want=20)
    (3, 4)
    >>> wanted(slots=8, in_hand=8, want=0)
    0
    """
    free = min(slots - in_hand, want)
    return free if free > 0 else min(want, max(1, slots // 2))
