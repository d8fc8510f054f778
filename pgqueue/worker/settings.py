"""What a worker is started with."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from pgqueue.limits import NO_LIMITS, Limits

SLOTS_PER_PROCESS = 4
#: How many of something there can be: of the column's type.
MOST = 32767


@dataclass(frozen=True, slots=True)
class WorkerOptions:
    """The options of a worker; times in seconds, memory in KiB. No queues: those of its tasks."""

    app: str
    name: str
    processes: int
    concurrency: int
    queues: tuple[str, ...] = ()
    #: How much of the worker each of the queues gets, 1 if it is not said; or all in their order.
    weights: Mapping[str, float] = field(default_factory=dict)
    strict: bool = False
    grace: float = 25.0
    limits: Limits = NO_LIMITS
    max_tasks_per_child: float = math.inf
    max_memory_per_child: float = math.inf
    log_level: str = "info"
    log_format: str = "human"
    health_host: str = "127.0.0.1"
    #: Where probes are answered; None: nowhere. 0: on a port that is free.
    health_port: int | None = None
    #: Whether it keeps schedules.
    scheduler: bool = True
    #: The options that the command line names: over these the application's settings have no say.
    given: frozenset[str] = frozenset()

    def settled(self, settings: Mapping[str, Any]) -> WorkerOptions:
        """Return these options, with what an application's settings say where nothing is given.

        >>> options = WorkerOptions("proj", "w1", *sized(2, None), given=frozenset(["processes"]))
        >>> options.settled({"worker_concurrency": 5}).concurrency, options.concurrency
        (5, 8)
        """

        def said(name: str) -> Any:
            return None if name in self.given else settings.get(f"worker_{name}")

        processes, concurrency = self.processes, self.concurrency
        if wanted := said("concurrency"):
            given = self.processes if "processes" in self.given else None
            processes, concurrency = sized(given, min(wanted, MOST))
        return replace(
            self,
            processes=processes,
            concurrency=concurrency,
            max_tasks_per_child=said("max_tasks_per_child") or self.max_tasks_per_child,
            max_memory_per_child=said("max_memory_per_child") or self.max_memory_per_child,
        )

    def slots(self, process: int) -> int:
        """Return how many of the slots the process of this number has, from 0.

        >>> options = WorkerOptions("proj", "w1", processes=2, concurrency=5)
        >>> options.slots(0), options.slots(1)
        (3, 2)
        """
        return self.concurrency // self.processes + (process < self.concurrency % self.processes)


def sized(processes: int | None, concurrency: int | None) -> tuple[int, int]:
    """Return how many processes, and slots of all of them, where one or both are not said.

    >>> sized(3, None), sized(4, 2), sized(1, 100)
    ((3, 12), (2, 2), (1, 100))
    """
    processes = processes or min(os.cpu_count() or 1, concurrency or MOST)
    concurrency = concurrency or SLOTS_PER_PROCESS * processes
    return min(processes, concurrency), concurrency
