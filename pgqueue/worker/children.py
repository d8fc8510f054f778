"""A child as the supervisor sees it: a process, a pipe, and the jobs that are in its hands."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pgqueue.rows import ClaimedJob
from pgqueue.worker import frames
from pgqueue.worker.frames import Record


@dataclass(frozen=True, slots=True)
class ChildOptions:
    """What a child is started with."""

    app: str
    slots: int
    name: str
    log_level: str
    log_format: str


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
    ) -> None:
        self.options = options
        self.slots = options.slots
        self.ready = False
        self.quitting = False
        #: Why it could not start, as a traceback.
        self.broken: str | None = None
        #: The jobs in its hands, in the order in which it begins them, and when they were sent.
        self.jobs: dict[str, tuple[ClaimedJob, float]] = {}
        #: When it last reported anything.
        self.heard_at = 0.0
        self._on_hello, self._on_outcomes, self._on_gone = on_hello, on_outcomes, on_gone
        self._reader = frames.FrameReader()
        self._transport: asyncio.Transport | None = None
        self._process: subprocess.Popen[bytes] | None = None

    async def start(self) -> None:
        """Start the process."""
        ours, theirs = socket.socketpair()
        o = self.options
        command = [sys.executable, "-m", "pgqueue.worker.child", "--fd", str(theirs.fileno())]
        command += ["--app", o.app, "--slots", str(o.slots), "--name", o.name]
        command += ["--log-level", o.log_level, "--log-format", o.log_format]
        # A process group of its own: a terminal's Ctrl-C does not reach it, and killing it takes
        # along what its tasks have started.
        self._process = subprocess.Popen(  # noqa: S603, ASYNC220 (our own module; a spawn is short)
            command, pass_fds=[theirs.fileno()], process_group=0, stdin=subprocess.DEVNULL
        )
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
    def unstarted(self) -> int:
        """How many of its jobs certainly wait for a slot."""
        return max(0, len(self.jobs) - self.slots)

    def send(self, jobs: list[ClaimedJob], now: float) -> None:
        """Hand jobs to the process."""
        for job in jobs:
            self.jobs[job.id] = (job, now)
        self._write(frames.jobs_frame(jobs))

    def recall(self) -> None:
        """Ask for the jobs back that no slot has begun."""
        self._write(frames.frame(frames.RECALL))

    def quit(self) -> None:
        """Ask the process to end once it runs nothing."""
        self.quitting = True
        self._write(frames.frame(frames.QUIT))

    def kill(self) -> None:
        """End the process and all that its tasks have started, at once."""
        if self._process and self._process.poll() is None:
            try:
                os.killpg(self._process.pid, signal.SIGKILL)
            except ProcessLookupError:
                self._process.kill()

    def cause_of_death(self) -> str:
        """Wait for the process, which has closed its pipe, and say how it ended."""
        assert self._process
        try:
            code = self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self.kill()
            code = self._process.wait()
        return describe_exit(code)

    def begun_and_waiting(self) -> tuple[list[ClaimedJob], list[ClaimedJob]]:
        """Return the jobs that a slot may have begun, and those that certainly none has."""
        jobs = [job for job, _ in self.jobs.values()]
        return jobs[: self.slots], jobs[self.slots :]

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


def describe_exit(code: int) -> str:
    """Say how a process ended.

    >>> describe_exit(-9)
    'killed by SIGKILL'
    >>> describe_exit(3)
    'exited with status 3'
    """
    if code >= 0:
        return f"exited with status {code}"
    try:
        return f"killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"killed by signal {-code}"
