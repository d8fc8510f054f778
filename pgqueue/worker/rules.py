"""Which jobs run alone, and for how long they may: decided from the job and what its task says."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple, TypeVar

from pgqueue.errors import InvalidOption
from pgqueue.limits import NO_LIMITS, NO_NOTES, RESERVED, Limits, Notes, read_notes
from pgqueue.rows import ClaimedJob

T = TypeVar("T")

_RESERVED_KEY = f'"{RESERVED}"'


class Apart(NamedTuple):
    """A job that runs beside no other in its process, and after how many seconds it is killed."""

    job: ClaimedJob
    time_limit: float | None


class Rules:
    """Divides jobs into those that share a process and those that do not.

    Alone are those with a `time_limit`, so that nothing else is killed with them, those of `def`
    tasks with a `soft_time_limit`, which can be interrupted in a main thread only, and those that
    are suspected to have killed a process.
    """

    def __init__(self, limits: Limits = NO_LIMITS) -> None:
        self._default = limits
        self._declared: dict[str, Limits] = {}
        self._said: Mapping[str, Limits] = {}
        self._of_tasks: dict[str, Limits] = {}
        self._coroutines: frozenset[str] = frozenset()

    def learn(self, hello: Mapping[str, Any]) -> None:
        """Take over what a child says of its tasks."""
        self._declared = {name: Limits(*limits) for name, limits in hello["limits"].items()}
        self._coroutines = frozenset(hello["coroutines"])
        self.override(self._said)

    def override(self, limits: Mapping[str, Limits]) -> None:
        """Put these limits in the place of those that tasks declare; all others as declared."""
        self._said = limits
        all_limits = {**self._declared, **limits}
        self._of_tasks = {name: each for name, each in all_limits.items() if any(each)}

    def is_coroutine(self, task: str) -> bool:
        """Whether a task is `async def`."""
        return task in self._coroutines

    def divide(self, jobs: list[ClaimedJob]) -> tuple[list[ClaimedJob], Sequence[Apart]]:
        """Return the jobs that may run beside others, and those that may not."""
        limited = self._of_tasks
        candidates = jobs
        if not any(self._default):  # what most jobs pay
            candidates = [job for job in jobs if job.headers or job.task in limited]
        apart = [each for each in map(self._apart, candidates) if each]
        if not apart:
            return jobs, ()
        taken = {each.job.id for each in apart}
        return [job for job in jobs if job.id not in taken], apart

    def _apart(self, job: ClaimedJob) -> Apart | None:
        notes = _notes(job.headers)
        of_task = self._of_tasks.get(job.task, NO_LIMITS)
        hard, soft = notes.limits.over(of_task).over(self._default)
        interrupted = soft is not None and job.task not in self._coroutines
        return Apart(job, hard) if notes.alone or hard or interrupted else None


def dealt(jobs: Sequence[T], shares: Sequence[int]) -> list[list[T]]:
    """Return so many jobs for each, dealt out like cards: whoever comes first begins first.

    >>> dealt([1, 2, 3, 4, 5, 6, 7], [4, 1, 2])
    [[1, 4, 6, 7], [2], [3, 5]]
    """
    hands: list[list[T]] = [[] for _ in shares]
    begin = 0
    for least, more in pairwise([0, *sorted(shares)]):
        takers = [hand for hand, share in zip(hands, shares, strict=True) if share > least]
        end = begin + (more - least) * len(takers)
        for place, hand in enumerate(takers):
            hand.extend(jobs[begin + place : end : len(takers)])
        begin = end
    return hands


def _notes(headers: str | None) -> Notes:
    """Return what headers say; nothing if they are wrong, which the child will find out, too."""
    if not headers or _RESERVED_KEY not in headers:
        return NO_NOTES
    try:
        return read_notes(json.loads(headers).get(RESERVED))
    except (ValueError, RecursionError, AttributeError, InvalidOption):
        return NO_NOTES
