"""What to claim next: from where on, and when to look again. No I/O, no clock of its own: callers
give the time.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from pgqueue.backoff import Doubling
from pgqueue.rows import ClaimedJob, Lane
from pgqueue.worker.rotation import Rotation

PRIORITIES = range(9, -1, -1)
#: A sweep from the start of the index at least this often (seconds) …
SWEEP_EVERY = 0.25
#: … unless it is slow, because it wades through what vacuum may not remove: then so much rarer
#: that it takes a tenth of the time.
SWEEP_SHARE = 10.0
#: An idle worker looks again after 2, 4, 8 … ms. Past the first few it asks to be woken.
POLL_FIRST, POLL_LAST = 0.002, 2.0
POLLS_AWAKE = 3


class Cursors:
    """Where each lane's next scan begins: at the last job that was claimed there."""

    def __init__(self, queues: Sequence[str], rotation: Rotation | None = None) -> None:
        self.queues: list[str] = []
        self._rotation = rotation or Rotation({}, strict=False)
        self._start: dict[tuple[str, int], Lane] = {}
        self._place: dict[tuple[str, int], Lane] = {}
        self.serve(queues)

    def serve(self, queues: Sequence[str]) -> None:
        """Look into these queues from now on; one that was looked into before keeps its place."""
        self.queues = list(queues)
        lanes = {(q, p): Lane(q, p) for q in queues for p in PRIORITIES}
        self._start |= lanes
        self._place = lanes | self._place
        self._rotation.serve(queues)

    def lanes(self, *, sweep: bool) -> list[Lane]:
        """Return the lanes to scan, best first; a sweep begins each at its start."""
        places = self._start if sweep else self._place
        order = self._rotation.order()
        return [places[queue, priority] for queue in order for priority in PRIORITIES]

    def advance(self, jobs: Sequence[ClaimedJob], limit: int = 0) -> None:
        """Note the last job that was claimed in each lane, and how many of which queue.

        Where a sweep found late jobs, this moves the cursor back: more of them may follow.
        """
        self._rotation.took(jobs, limit)
        last = {(job.queue, job.priority): job for job in jobs}
        for (queue, priority), job in last.items():
            self._place[queue, priority] = Lane(queue, priority, job.run_at, job.id)


class Look(NamedTuple):
    """One look for jobs: when it began, whether it sweeps, whether it asks what is due next.

    `woken`: something has come, or may have.
    """

    began: float
    sweeps: bool
    asks: bool
    woken: bool = False

    @property
    def thorough(self) -> bool:
        """Whether what is limited is looked for, too: cursors do not lead there.

        That is a sweep, or what follows a call that something has come; else a limited job that
        comes just after a sweep would have to wait for the next.
        """
        return self.sweeps or self.woken


class Schedule:
    """When to look for jobs: at once while there is more, else after a pause that grows.

    A worker that found nothing a few times lies down: it asks to be woken, and when the next
    scheduled job is due. From then on it looks when it is told to, and its pauses go on growing.
    """

    def __init__(self) -> None:
        self._pauses = Doubling(POLL_FIRST, POLL_LAST)
        self._polls = 0
        self._at = -math.inf
        self._more = True
        self._woken = False
        self._lying = False
        self._sweep_at = -math.inf
        self._sweep_allowed_at = -math.inf
        #: How long a look takes, on average over the last few.
        self.turn = 0.0

    def wake(self) -> None:
        """Look at once, and again if a look is under way: something has come, or may have."""
        self._more = self._woken = True
        if not self._lying:
            self._pauses.reset()

    def lay_down(self) -> None:
        """Look at once, and then after short pauses: who enqueued just before does not notify."""
        self._more = self._woken = self._lying = True
        self._pauses.reset()

    def get_up(self, now: float) -> None:
        """Poll from now on: nobody wakes this worker any more."""
        if self._lying:
            self._lying = False
            self._pauses.reset()
            self._at = min(self._at, now + POLL_FIRST)

    def due(self, now: float) -> bool:
        """Return whether it is time to look."""
        return self._more or now >= self._at

    def pause(self, now: float) -> float:
        """Return the seconds until it is time to look."""
        return 0.0 if self._more else max(0.0, self._at - now)

    @property
    def sleepy(self) -> bool:
        """Whether it is time to lie down."""
        return not self._more and (self._lying or self._polls >= POLLS_AWAKE)

    @property
    def keeps_up(self) -> bool:
        """Whether the last look found all that there was."""
        return not self._more

    def begin(self, now: float) -> Look:
        """Return what the look is to be that begins now."""
        full = not self._more or self._woken
        sweeps = now >= (self._sweep_allowed_at if full else self._sweep_at)
        woken, self._woken = self._woken, False
        return Look(now, sweeps, self.sleepy, woken)

    def looked(self, look: Look, found: int, limit: int, now: float) -> None:
        """Note what a look found, and decide when the next one is."""
        self.turn += (now - look.began - self.turn) / 8
        if look.sweeps:
            slow = (now - look.began) * SWEEP_SHARE
            self._sweep_allowed_at, self._sweep_at = now + slow, now + max(SWEEP_EVERY, slow)
        if found:
            self._polls = 0
            if not self._lying:
                self._pauses.reset()
        if found >= limit:
            self._more = True
        elif not look.sweeps and now >= self._sweep_allowed_at:
            # The lanes are empty from the cursors on: late jobs may lie before them.
            self._more, self._sweep_at = True, now
        else:
            self._more = self._woken
            self._polls += 1
            # Not to sleep before it is known when to wake up.
            known = look.asks or not self._lying
            self._at = now + (self._pauses.next() if known else POLL_FIRST)

    def due_within(self, seconds: float, now: float) -> None:
        """Look no later than in so many seconds, because a scheduled job is due then."""
        self._at = min(self._at, now + max(0.0, seconds))
