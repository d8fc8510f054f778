"""In which order a worker looks into its queues. No I/O."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from pgqueue.errors import InvalidOption
from pgqueue.options import checked_name
from pgqueue.rows import ClaimedJob

_WEIGHED = re.compile(r"(.*):(\d+(?:\.\d+)?)", re.DOTALL)


class Rotation:
    """Whose turn it is: that queue's which has had the least for its weight.

    So queues that all have jobs share the worker by their weights, counted in jobs; one that has
    none takes nothing from the others, and saves up nothing. Strict: always in the order given, so
    that a queue is looked into only for what those before it leave.

    >>> rotation = Rotation({"high": 3.0}, strict=False)
    >>> rotation.serve(["low", "high"])
    >>> rotation.order()
    ['high', 'low']
    """

    def __init__(self, weights: Mapping[str, float], *, strict: bool) -> None:
        self._weights = dict(weights)
        self._strict = strict
        self._queues: list[str] = []
        #: What each has had, in jobs for a weight of 1, over who has had the least.
        self._had: dict[str, float] = {}

    def serve(self, queues: Sequence[str]) -> None:
        """Look into these queues from now on."""
        self._queues = list(queues)
        self._had = {queue: self._had.get(queue, 0.0) for queue in queues}

    def order(self) -> list[str]:
        """Return the queues, the one whose turn it is first."""
        if self._strict:
            return list(self._queues)
        return sorted(self._queues, key=lambda queue: (self._had[queue], -self._weight(queue)))

    def took(self, jobs: Iterable[ClaimedJob], limit: int) -> None:
        """Note what was claimed, in this order, when so many jobs were wanted."""
        taken = Counter(job.queue for job in jobs)
        order = self.order()
        places = [order.index(queue) for queue in taken if queue in self._had]
        if taken.total() < limit or not places:  # all were looked into, and emptied
            self._had = dict.fromkeys(self._queues, 0.0)
            return
        filled = max(places)
        level = self._had[order[filled]]
        for place, queue in enumerate(order):
            self._had[queue] += taken[queue] / self._weight(queue)
            if place < filled:  # emptied: what it did not want is not kept for it
                self._had[queue] = max(self._had[queue], level)
        least = min(self._had.values())
        self._had = {queue: had - least for queue, had in self._had.items()}

    def _weight(self, queue: str) -> float:
        return self._weights.get(queue, 1.0)


def weighed(said: Iterable[str]) -> dict[str, float]:
    """Return the queues that the command line names, each with its weight.

    >>> weighed(["high:3", "low"])
    {'high': 3.0, 'low': 1.0}
    """
    weights: dict[str, float] = {}
    for each in said:
        found = _WEIGHED.fullmatch(each)
        name, weight = (found[1], float(found[2])) if found else (each, 1.0)
        if not weight:
            raise InvalidOption(
                f"-Q {each}: a weight is above 0; leave out a queue to do without it"
            )
        weights[checked_name("queue", name)] = weight
    return weights
