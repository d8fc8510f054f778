"""What the application is told in one child: of the worker as a whole, and of jobs that ended
without a process of theirs that could tell it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from pgqueue.rows import ClaimedJob
from pgqueue.worker import frames
from pgqueue.worker.children import Child
from pgqueue.worker.reports import Batch

#: So much is kept, at most, for a child that is not there yet.
UNTOLD = 1000


class Herald:
    """Tells one child, the same as long as it lives; what nobody can be told waits for the next."""

    def __init__(self, children: Callable[[], Sequence[Child]]) -> None:
        self._children = children
        self._speaker: Child | None = None
        self._crashed: dict[tuple[str, int], ClaimedJob] = {}
        self._untold: deque[tuple[str, dict[str, Any]]] = deque(maxlen=UNTOLD)

    def tell(self, event: str, **about: Any) -> None:
        """Tell the application what happens to the worker."""
        self._untold.append((event, about))
        self.speak()

    def revoked(self, job: ClaimedJob, signal: str | None = None) -> None:
        """Tell that a job does not run because it was revoked, or was terminated by a signal."""
        self.tell(frames.REVOKED, job=frames.job_record(job), signum=frames.signum(signal))

    def killed(self, job: ClaimedJob, error: str) -> None:
        """Tell that a job has failed with its process."""
        self.tell(frames.KILLED, job=frames.job_record(job), error=error)

    def crashed(self, job: ClaimedJob) -> None:
        """Note that a job has killed its process: whether it has failed will be known later."""
        self._crashed[job.id, job.claim] = job

    def written(self, batch: Batch, results: Sequence[Any]) -> None:
        """Tell of jobs that have killed one process too many, now that this is written down."""
        states = batch.crash_states(results)
        for error, crashed in batch.crashed.items():
            for each in crashed:
                job = self._crashed.pop((each.id, each.claim), None)
                if job and states.get(job.id) == "failed":
                    self.killed(job, error)

    def speak(self) -> None:
        """Tell what waits to be told, if anybody is there who can say it."""
        there = [child for child in self._children() if not child.quitting and not child.killed]
        if self._speaker not in there:
            self._speaker = next((child for child in there if child.ready), None)
        while self._speaker and self._untold:
            event, about = self._untold.popleft()
            self._speaker.tell(event, **about)
