"""A child's slots: threads for `def`, one event loop for `async def`, and what waits for them."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from queue import SimpleQueue
from typing import Any, NoReturn

from pgqueue.limits import NO_LIMITS, Limits
from pgqueue.task import Task
from pgqueue.worker.execution import Run
from pgqueue.worker.frames import Record

log = logging.getLogger("pgqueue.worker")


class Executor:
    """Runs jobs in `slots` slots, in the order in which they came; `report` gets the records.

    A slot that becomes free takes the next job itself, in the same thread, so that a batch of
    short jobs costs no hand-over between threads.
    """

    def __init__(
        self,
        tasks: Mapping[str, Task[Any, Any]],
        slots: int,
        report: Callable[[str], None],
        limits: Limits = NO_LIMITS,
        *,
        lent: bool = False,
    ) -> None:
        self._limits = limits
        self._tasks = tasks
        self._report = report
        self._lock = threading.Lock()
        self._idle = threading.Condition(self._lock)
        self._waiting: deque[Run] = deque()
        self._slots = slots
        self._free = slots
        self._handed: SimpleQueue[Run] = SimpleQueue()
        self._threads = 0
        #: Threads that wait to be handed something; one that is lent comes with `work`.
        self._resting = int(lent)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._running: dict[asyncio.Task[None], Run] = {}
        #: What tasks declare whose limits are others now.
        self._declared: dict[str, Limits] = {}

    def submit(self, records: list[Record]) -> None:
        """Take jobs to run, as soon as slots are free."""
        now = time.monotonic()
        runs = [Run(record, self._tasks, now, self._limits) for record in records]
        with self._lock:
            self._waiting.extend(runs)
            begin = min(self._free, len(self._waiting))
            self._free -= begin
            first = [self._waiting.popleft() for _ in range(begin)]
        for run in first:
            self._start(run)

    def recall(self) -> None:
        """Give back the jobs that no slot has begun."""
        with self._lock:
            unstarted, self._waiting = self._waiting, deque()
        for run in unstarted:
            self._report(run.unstarted())

    def cancel(self, orders: Mapping[tuple[str, str], str]) -> None:
        """Give jobs back, by id and claim, that no slot has begun, and cancel coroutines.

        The value is the number of a signal if the job is to be ended by one, else empty.
        """
        with self._lock:
            found = [run for run in self._waiting if run.key in orders]
            for run in found:
                self._waiting.remove(run)
            loop = self._loop
        for run in found:
            self._report(run.unstarted())
        if loop:
            loop.call_soon_threadsafe(self._cancel_coroutines, orders)

    def override(self, limits: Mapping[str, Limits]) -> None:
        """Put these limits in the place of those that tasks declare; all others as declared."""
        for name, declared in self._declared.items():
            self._tasks[name].limits = declared
        self._declared = {name: self._tasks[name].limits for name in limits if name in self._tasks}
        for name in self._declared:
            self._tasks[name].limits = limits[name]

    def wait_until_idle(self) -> None:
        """Return when no job runs and none waits."""
        with self._lock:
            self._idle.wait_for(lambda: self._free == self._slots and not self._waiting)

    def _start(self, run: Run) -> None:
        if run.is_async:
            self._event_loop().call_soon_threadsafe(self._start_coroutine, run)
            return
        with self._lock:
            if self._resting:
                self._resting -= 1
                spawn = False
            else:
                spawn = True
                self._threads += 1
        self._handed.put(run)
        if spawn:
            threading.Thread(target=self.work, name=f"pgqueue-{self._threads}", daemon=True).start()

    def work(self) -> NoReturn:
        """Lend this thread, for ever, to jobs of `def` tasks."""
        while True:
            run: Run | None = self._handed.get()
            while run is not None and not run.is_async:
                self._report(run.run())
                run = self._next()
            with self._lock:
                self._resting += 1
            if run is not None:
                self._start(run)

    def _next(self) -> Run | None:
        """Return the next job for a slot that is done, or count the slot as free."""
        with self._lock:
            if self._waiting:
                return self._waiting.popleft()
            self._free += 1
            self._idle.notify_all()
            return None

    # ── the event loop, which exists from the first coroutine on ─────────────────────────────

    def _event_loop(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                threading.Thread(
                    target=_run_on, args=(self._loop,), name="pgqueue-loop", daemon=True
                ).start()
            return self._loop

    def _start_coroutine(self, run: Run) -> None:
        assert self._loop
        task = self._loop.create_task(self._await(run), name=run.task.name if run.task else None)
        self._running[task] = run
        task.add_done_callback(lambda task: self._ended(run, task))

    def _ended(self, run: Run, task: asyncio.Task[None]) -> None:
        del self._running[task]
        if task.cancelled():  # before it had begun: by request, or by another task
            self._end(run.unstarted())

    def _cancel_coroutines(self, orders: Mapping[tuple[str, str], str]) -> None:
        for task, run in self._running.items():
            if run.key in orders and not run.revoked:  # once: it may be about to clean up
                run.revoke(orders[run.key])
                task.cancel()

    async def _await(self, run: Run) -> None:
        self._end(await run.arun())

    def _end(self, record: str) -> None:
        self._report(record)
        following = self._next()
        if following is not None:
            self._start(following)


def _run_on(loop: asyncio.AbstractEventLoop) -> None:
    """Run a loop for ever, although tasks may stop it: with `stop()`, or by exiting beside it."""
    while not loop.is_closed():
        try:
            loop.run_forever()
        except BaseException:  # SystemExit and KeyboardInterrupt end a loop
            log.exception("an asyncio task ended the event loop, which goes on")
