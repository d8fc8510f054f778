"""The children that run jobs beside each other: how they follow one another."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable

from pgqueue.worker.children import Child
from pgqueue.worker.processes import resident
from pgqueue.worker.settings import WorkerOptions

log = logging.getLogger("pgqueue.worker")

#: One that cannot even start is started again no faster than this (seconds).
RESTART = 1.0
#: A successor needs about so long (seconds) to be there.
NOTICE = 1.0


class Shift:
    """As many children as the worker has processes, each with its successor when its time comes.

    One that has had its number of jobs gets no more, ends those that it has, and leaves. Its
    successor is started a little earlier, so that slots are not idle meanwhile. The same happens to
    one that is to have fewer slots: no job is ended because a worker is made smaller.
    """

    def __init__(
        self, options: WorkerOptions, start: Callable[[int, int], Awaitable[Child]]
    ) -> None:
        self._options = options
        self._start = start
        self._recycles = min(options.max_tasks_per_child, options.max_memory_per_child) < math.inf
        self.children: list[Child] = []
        #: How many slots the process of each number is to have.
        self._sizes = {number: options.slots(number) for number in range(options.processes)}
        self._numbers: dict[Child, int] = {}
        #: Who has somebody to follow it, if only on the way.
        self._followed: set[Child] = set()
        self._fat: set[Child] = set()
        #: Whose successor takes over as soon as it is there.
        self._replaced: set[Child] = set()
        self._starting: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Start a child for every process."""
        for number, slots in self._sizes.items():
            self._add(number, await self._start(number, slots))

    @property
    def processes(self) -> int:
        """How many children there are to be."""
        return len(self._sizes)

    def grow(self, slots: int) -> None:
        """Have so many slots more, in children as large as those that are there."""
        largest = max(self._sizes.values())
        while slots > 0:
            number = max(*self._sizes, *self._numbers.values(), -1) + 1
            self._sizes[number] = min(slots, largest)
            self._launch(number, None)
            slots -= self._sizes[number]

    def shrink(self, slots: int) -> None:
        """Have so many slots fewer, at least one: whole children leave, and one is made smaller."""
        for number in sorted(self._sizes, reverse=True):
            if self._sizes[number] > slots:
                self._sizes[number] -= slots
                break
            slots -= self._sizes.pop(number)
        for child in self.children:
            self._fit(child)

    def restart(self) -> None:
        """Have every child followed by a new one, which imports the application anew."""
        for child in self.children:
            self._replace(child)

    @property
    def serving(self) -> list[Child]:
        """The children that can be given jobs."""
        return [child for child in self.children if child.serving]

    @property
    def slots(self) -> int:
        """How many jobs can be in slots now, also in those of children that are about to leave."""
        slots = 0.0
        for child in self.children:
            if child.serving:
                slots += min(child.slots, len(child.jobs) + child.room)
            elif child.quitting or child.room <= 0:
                slots += len(child.jobs)
        return int(slots)

    @property
    def room(self) -> float:
        """How many more jobs the children can be given before others must take over."""
        return sum(child.room for child in self.serving) if self._recycles else math.inf

    def renew(self, pace: float) -> None:
        """Start successors for children whose time comes; let go of those whose time is over.

        `pace` is how many jobs a second the children do together.
        """
        if not self._recycles:
            return
        for child in self.serving:
            notice = child.slots + NOTICE * pace / self.processes
            if child not in self._followed and (child.room <= notice or self._is_fat(child)):
                self._launch(self._numbers[child], child)
            if child.room <= 0:
                child.quit()

    def ready(self, child: Child) -> None:
        """Note that a child has begun: a predecessor that has grown too big leaves."""
        before = child.predecessor
        if before in self._fat | self._replaced and not before.quitting:
            _retire(before)
        self._fit(child)

    def gone(self, child: Child, *, again: bool) -> None:
        """Note that a child has ended; if nobody follows it yet, somebody does (`again`)."""
        self.children.remove(child)
        number = self._numbers.pop(child)
        if again and child not in self._followed and number in self._sizes:
            self._launch(number, child.predecessor or child, 0 if child.ready else RESTART)
        self._followed.discard(child)
        self._fat.discard(child)
        self._replaced.discard(child)
        for other in self.children:
            if other.predecessor is child:
                other.predecessor = None

    def _is_fat(self, child: Child) -> bool:
        if child not in self._fat:
            size = resident(child.pid)
            if size <= self._options.max_memory_per_child:
                return False
            self._fat.add(child)
            about = (child.options.name, child.pid, size)
            log.info("process %s (pid %d) has %d KiB of memory: another takes over", *about)
        return True

    def _fit(self, child: Child) -> None:
        """Have a child replaced, or leave, that has another size than it is to have now."""
        size = self._sizes.get(self._numbers[child])
        if size is None:
            _retire(child)
        elif size != child.slots:
            self._replace(child)

    def _replace(self, child: Child) -> None:
        self._replaced.add(child)
        if child not in self._followed:
            self._launch(self._numbers[child], child)

    def _launch(self, number: int, before: Child | None, delay: float = 0) -> None:
        if before:
            self._followed.add(before)
        starting = asyncio.ensure_future(self._follow(number, before, delay))
        self._starting.add(starting)
        starting.add_done_callback(self._starting.discard)

    async def _follow(self, number: int, before: Child | None, delay: float) -> None:
        await asyncio.sleep(delay)
        if number in self._sizes:
            child = await self._start(number, self._sizes[number])
            self._add(number, child)
            if before in self.children:
                child.predecessor = before

    def _add(self, number: int, child: Child) -> None:
        self._numbers[child] = number
        self.children.append(child)


def _retire(child: Child) -> None:
    """Have a child end what it has begun, and leave."""
    if not child.quitting:
        child.recall()
        child.quit()
