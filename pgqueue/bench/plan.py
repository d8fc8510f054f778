"""How much is measured, and with what."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from pgqueue.bench.meters import Meter
from pgqueue.bench.scratch import Scratch


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured.

    `jobs` are drained, and enqueued in bulk; `seconds` is how long enqueueing is measured, each
    way; `slices` how often the two ways take turns; `pickups` jobs are picked up by an idle
    worker, at `pickups_per_second`.
    """

    jobs: int = 50_000
    seconds: float = 10.0
    producers: int = 8
    slices: int = 10
    pickups: int = 200
    pickups_per_second: float = 20.0

    def scaled(self, factor: float) -> Size:
        """Return a smaller or a larger size.

        >>> Size().scaled(0.1).jobs
        5000
        """
        return replace(
            self,
            jobs=max(2, round(self.jobs * factor)),
            seconds=self.seconds * factor,
            pickups=max(1, round(self.pickups * factor)),
        )


@dataclass(frozen=True, slots=True)
class Bench:
    """What every measure needs; `say` is told what is being done, and perhaps how far it is."""

    scratch: Scratch
    meter: Meter
    size: Size
    say: Callable[..., None]
