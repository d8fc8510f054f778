"""Jobs whose cancellation was asked for while this worker has them, until they have ended."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pgqueue.rows import ClaimedJob
from pgqueue.worker.children import Child

Key = tuple[str, int]

#: A process is killed so many seconds after it was asked to cancel a job: a job that only waits
#: there ends before that, and so does a coroutine that needs no longer to clean up.
COURTESY, CLEANING_UP = 0.1, 1.0
#: A coroutine that was about to begin when its process was asked may have missed it: asked again.
AGAIN = 1.0
#: A job that has not come so many seconds after its cancellation never will: its claim came to
#: nothing, or it has ended.
FORGOTTEN = 60.0
#: The signal that leaves no time for anything.
AT_ONCE = "SIGKILL"


@dataclass(slots=True)
class Order:
    """By which signal a job is to be ended, if by any; when that was said, when the child heard."""

    signal: str | None
    since: float
    asked_at: float | None = None


class Revoked:
    """Which jobs are to end, by id and claim, and what is to be done about each now."""

    def __init__(self) -> None:
        self._orders: dict[Key, Order] = {}

    def __len__(self) -> int:
        return len(self._orders)

    def __contains__(self, key: object) -> bool:
        return key in self._orders

    def add(self, key: Key, signal: str | None, now: float) -> None:
        """Note that a job is to end."""
        order = self._orders.setdefault(key, Order(signal, now))
        order.signal = signal or order.signal

    def ended(self, job: ClaimedJob) -> Order | None:
        """Note that a job has ended, and return the order to end it, if there was one."""
        return self._orders.pop((job.id, job.claim), None)

    def judge(
        self, child: Child, is_coroutine: Callable[[str], bool], now: float
    ) -> tuple[list[tuple[str, int, str | None]], tuple[ClaimedJob, str] | None]:
        """Return which jobs a child is to be asked to cancel, and for which it is to be killed.

        With each its signal, if it is to be ended by one.
        """
        begun, waiting = child.begun_and_waiting()
        asked = []
        overdue = None
        for job in (*begun, *waiting):
            order = self._orders.get((job.id, job.claim))
            if order is None or child.killed:
                continue
            gentle = is_coroutine(job.task)
            patience = CLEANING_UP if gentle else COURTESY
            if order.asked_at is None or (gentle and now - order.asked_at >= AGAIN):
                order.asked_at = now
                asked.append((job.id, job.claim, order.signal))
            late = now - order.since >= patience or order.signal == AT_ONCE
            if order.signal and late and job in begun:
                overdue = overdue or (job, order.signal)
        return asked, overdue

    def forget(self, known: set[Key], now: float) -> None:
        """Forget the jobs that are not here, and that were to end long ago."""
        self._orders = {
            key: order
            for key, order in self._orders.items()
            if key in known or now - order.since < FORGOTTEN
        }


def terminating(child: Child, overdue: tuple[ClaimedJob, str]) -> str:
    """Say that a child is killed, for which job, and who runs again because of that."""
    job, signal = overdue
    others = min(len(child.jobs), child.slots) - 1
    beside = f"; {others} that ran beside it run again, uncharged" if others else ""
    about = f"process {child.options.name} (pid {child.pid}) is killed"
    return f"{job.task}[{job.id}] is terminated ({signal}): {about}{beside}"
