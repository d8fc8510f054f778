"""A child as the supervisor sees it: a process, a pipe, and the jobs that are in its hands."""

from __future__ import annotations

import asyncio
import json
import math
import socket
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pgqueue.limits import NO_LIMITS, Limits
from pgqueue.rows import ClaimedJob
from pgqueue.worker import frames
from pgqueue.worker.frames import Record
from pgqueue.worker.processes import Guardian, Process
from pgqueue.worker.settings import WorkerOptions

#: So long (seconds) may what a killed process has reported still be on its way.
LAST_WORDS = 0.1


@dataclass(frozen=True, slots=True)
class ChildOptions:
    """What a child is started with."""

    app: str
    slots: int
    name: str
    log_level: str
    log_format: str
    limits: Limits = NO_LIMITS
    #: Whether it runs one job at a time, in its main thread.
    alone: bool = False
    #: How many jobs it may run in its life.
    most: float = math.inf

    @classmethod
    def of(cls, worker: WorkerOptions, name: str, slots: int, *, alone: bool) -> ChildOptions:
        """Return those of a worker's child."""
        return cls(
            worker.app,
            slots,
            f"{worker.name}/{name}",
            worker.log_level,
            worker.log_format,
            worker.limits,
            alone,
            worker.max_tasks_per_child,
        )


class Child(asyncio.Protocol):
    """One executor process.

    `on_hello`, `on_outcomes` and `on_gone` are called on the supervisor's loop.
    """

    def __init__(
        self,
        options: ChildOptions,
        on_hello: Callable[[Child, dict[str, Any]], None],
        on_outcomes: Callable[[Child, list[Record]], None],
        on_gone: Callable[[Child], None],
        guardian: Guardian,
    ) -> None:
        self.options = options
        self._guardian = guardian
        self.slots = options.slots
        self.ready = False
        self.quitting = False
        #: Why it could not start, as a traceback.
        self.broken: str | None = None
        #: The jobs in its hands, by id and claim, in the order in which it begins them, and when
        #: they were sent. One that was taken from this worker and claimed anew is there twice.
        self.jobs: dict[tuple[str, int], tuple[ClaimedJob, float]] = {}
        #: When it last reported anything.
        self.heard_at = 0.0
        #: How many jobs it may still be given.
        self.room = options.most
        #: Whether it was killed on purpose, and how the job is to end that it was killed for.
        self.killed = False
        self.verdict: Record | None = None
        #: From whom it takes over, while that one is there.
        self.predecessor: Child | None = None
        self._on_hello, self._on_outcomes, self._on_gone = on_hello, on_outcomes, on_gone
        self._reader = frames.FrameReader()
        self._transport: asyncio.Transport | None = None
        self._process: Process | None = None

    async def start(self) -> None:
        """Start the process."""
        ours, theirs = socket.socketpair()
        o = self.options
        command = [sys.executable, "-m", "pgqueue.worker.child", "--fd", str(theirs.fileno())]
        command += ["--app", o.app, "--slots", str(o.slots), "--name", o.name]
        command += ["--log-level", o.log_level, "--log-format", o.log_format]
        command += ["--alone"] if o.alone else []
        for name, seconds in o.limits._asdict().items():
            command += [f"--{name.replace('_', '-')}", str(seconds)] if seconds else []
        self._process = Process(command, theirs.fileno(), self._guardian)
        theirs.close()
        ours.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.connect_accepted_socket(lambda: self, ours)

    @property
    def pid(self) -> int:
        """The process id."""
        assert self._process
        return self._process.pid

    @property
    def serving(self) -> bool:
        """Whether it can be given jobs: it has begun, is not to end, and it is its turn."""
        before = self.predecessor
        waits = before is not None and not (before.quitting or before.room <= 0)
        return self.ready and not self.quitting and not self.killed and not waits

    @property
    def unstarted(self) -> int:
        """How many of its jobs certainly wait for a slot."""
        return max(0, len(self.jobs) - self.slots)

    def send(self, jobs: list[ClaimedJob], now: float) -> None:
        """Hand jobs to the process."""
        for job in jobs:
            self.jobs[job.id, job.claim] = (job, now)
        self.room -= len(jobs)
        self._write(frames.jobs_frame(jobs))

    def cancel(self, orders: Iterable[tuple[str, int, str | None]]) -> None:
        """Ask for jobs to be given back that wait, and to be cancelled if they are coroutines.

        Each is an id, a claim, and the name of the signal by which it is ended if it goes on.
        """
        self._write(frames.cancel_frame(orders))

    def limit(self, limits: Mapping[str, Limits]) -> None:
        """Tell which tasks have other limits than they declare, for runs that begin from now on."""
        self._write(frames.limits_frame(limits))

    def recall(self) -> None:
        """Ask for the jobs back that no slot has begun."""
        self._write(frames.frame(frames.RECALL))

    def tell(self, event: str, **about: Any) -> None:
        """Tell the application in the process what happens to the worker."""
        self._write(frames.notice_frame(event, **about))

    def quit(self) -> None:
        """Ask the process to end once it runs nothing."""
        self.quitting = True
        self._write(frames.frame(frames.QUIT))

    def kill(self, verdict: Record | None = None) -> None:
        """End the process and all that its tasks have started, at once.

        `verdict` is the record of how the job ends because of which that is, unless the job has
        ended already. Nobody is charged; others that ran beside it run again.
        """
        self.killed = True
        self.verdict = self.verdict or verdict
        if self._process:
            self._process.kill()
            # It may not be the process that holds the pipe open, but what a task has forked.
            asyncio.get_running_loop().call_later(LAST_WORDS, self._hang_up)

    def look(self) -> None:
        """Notice the end of a process whose pipe is held open by what a task has forked."""
        if self._process and self._process.has_ended:
            asyncio.get_running_loop().call_later(LAST_WORDS, self._hang_up)

    def bury(self) -> str:
        """Wait for the process, which has closed its pipe, and say how it ended."""
        assert self._process
        return self._process.bury(clean=self.quitting and not self.jobs)

    def begun_and_waiting(self) -> tuple[list[ClaimedJob], list[ClaimedJob]]:
        """Return the jobs that a slot may have begun, and those that certainly none has."""
        jobs = [job for job, _ in self.jobs.values()]
        return jobs[: self.slots], jobs[self.slots :]

    def active(self, now: float) -> list[dict[str, Any]]:
        """Return what runs, for people."""
        return [
            {
                "id": job.id,
                "task": job.task,
                "queue": job.queue,
                "attempt": job.attempt,
                "seconds": round(now - since, 3),
                "pid": self.pid,
            }
            for job, since in list(self.jobs.values())[: self.slots]
        ]

    def _hang_up(self) -> None:
        if self._transport:
            self._transport.abort()

    def _write(self, data: bytes) -> None:
        if self._transport and not self._transport.is_closing():
            self._transport.write(data)

    # ── asyncio.Protocol ─────────────────────────────────────────────────────────────────────

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the pipe."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Pass on what the process reports."""
        self.heard_at = asyncio.get_running_loop().time()
        for kind, body in self._reader.feed(data):
            if kind == frames.OUTCOMES:
                self._on_outcomes(self, frames.read_records(body))
            elif kind == frames.HELLO:
                self.ready = True
                self._on_hello(self, json.loads(body))
            elif kind == frames.BROKEN:
                self.broken = body

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the supervisor that the process is gone."""
        del exc
        self._on_gone(self)
