"""A queue that never runs dry: filled in bulk beside whatever drains it, and watched meanwhile."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise

from benchmarks.setting import ask, connected
from pgqueue.bench.scratch import Scratch

#: So many jobs are inserted at once, whenever fewer than so many seem to be left. That is more than
#: can be done within the second by which the count may be late, or the loader would set the pace.
CHUNK, LEAST = 10_000, 60_000
_LOOK = 0.1


@dataclass(slots=True)
class Flow:
    """What has been seen: (seconds since the start, jobs finished by then)."""

    began: float
    finished: list[tuple[float, int]] = field(default_factory=list)
    inserted: int = 0
    error: BaseException | None = None

    def rates(self, width: float) -> list[float]:
        """Return jobs per second in each stretch of so many seconds; a last short one is dropped.

        >>> Flow(0.0, [(0.0, 0), (1.0, 10), (2.0, 30), (3.0, 60)]).rates(1.5)
        [13.333333333333334, 26.666666666666668]
        """
        if not self.finished:
            return []
        first, last = self.finished[0][0], self.finished[-1][0]
        marks = [first + width * n for n in range(int((last - first) / width) + 1)]
        counts = [self._at(mark) for mark in marks]
        return [(b - a) / width for a, b in pairwise(counts)]

    def _at(self, moment: float) -> float:
        """Return how many had finished at a moment, by interpolation."""
        before = self.finished[0]
        for each in self.finished:
            if each[0] >= moment:
                span = each[0] - before[0]
                share = (moment - before[0]) / span if span else 0.0
                return before[1] + share * (each[1] - before[1])
            before = each
        return float(before[1])


@contextmanager
def kept_filled(place: Scratch) -> Iterator[Flow]:
    """Keep the queue filled until the end of the block, from a thread with its own connection."""
    flow, stop = Flow(time.monotonic()), threading.Event()

    def work() -> None:
        try:
            with connected(place, "pgqueue loader") as loader:
                start = int(ask(loader, "finished")[0][0])
                while not stop.is_set():
                    done = int(ask(loader, "finished")[0][0]) - start
                    flow.finished.append((time.monotonic() - flow.began, done))
                    if flow.inserted - done < LEAST:
                        loader.fill(CHUNK)
                        flow.inserted += CHUNK
                    else:
                        stop.wait(_LOOK)
        except BaseException as error:  # noqa: BLE001 (it is raised where the block ends)
            flow.error = error

    thread = threading.Thread(target=work, name="loader")
    thread.start()
    try:
        yield flow
    finally:
        stop.set()
        thread.join()
    if flow.error:
        raise flow.error
