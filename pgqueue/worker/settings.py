"""What a worker is started with."""

from __future__ import annotations

import math
from dataclasses import dataclass

from pgqueue.limits import NO_LIMITS, Limits


@dataclass(frozen=True, slots=True)
class WorkerOptions:
    """The options of a worker; times in seconds, memory in KiB. No queues: those of its tasks."""

    app: str
    name: str
    processes: int
    concurrency: int
    queues: tuple[str, ...] = ()
    grace: float = 25.0
    limits: Limits = NO_LIMITS
    max_tasks_per_child: float = math.inf
    max_memory_per_child: float = math.inf
    log_level: str = "info"
    log_format: str = "human"
    health_host: str = "127.0.0.1"
    #: Where probes are answered; None: nowhere. 0: on a port that is free.
    health_port: int | None = None

    def slots(self, process: int) -> int:
        """Return how many of the slots the process of this number has, from 0.

        >>> options = WorkerOptions("proj", "w1", processes=2, concurrency=5)
        >>> options.slots(0), options.slots(1)
        (3, 2)
        """
        return self.concurrency // self.processes + (process < self.concurrency % self.processes)
