"""A `pgq worker` in a process of its own, as users run it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from pgqueue import operations
from pgqueue.bench import meters
from pgqueue.bench.meters import WorkerMemory, WorkerReading
from pgqueue.bench.scratch import Scratch
from pgqueue.demo.worker import PGQ
from pgqueue.errors import ConfigurationError
from pgqueue.rows import WorkerRow

APP = "pgqueue.bench.tasks"
#: How long (seconds) a worker may take to start, to answer, and to end.
PATIENCE = 30.0
_LOOK = 0.01
#: Where processes are started: not in the user's folder, whose modules could hide Python's own.
ROOT = Path(__file__).parents[2]


class Worker:
    """A worker process; made by `started`.

    `command` is what a person would type, `began` the server's clock just before it was started.
    """

    def __init__(
        self,
        scratch: Scratch,
        process: subprocess.Popen[bytes],
        command: str,
        began: float,
        log: IO[str],
    ) -> None:
        self.command = command
        self.began = began
        self.pid = process.pid
        self._scratch = scratch
        self._process = process
        self._log = log

    def wait_until(self, fact: Callable[[], bool], what: str, seconds: float = PATIENCE) -> None:
        """Wait for a fact.

        Raises `ConfigurationError` with the worker's log if it ends before, or time runs out.
        """
        if not self.comes_true(fact, seconds):
            raise ConfigurationError(
                f"waited {seconds:.0f} s in vain for {what}; the worker says at last:\n{self.log()}"
            )

    def comes_true(self, fact: Callable[[], bool], seconds: float) -> bool:
        """Wait for a fact for so many seconds; return whether it came true."""
        deadline = time.monotonic() + seconds
        while not fact():
            if self._process.poll() is not None:
                raise ConfigurationError(f"the worker has ended; it says at last:\n{self.log()}")
            if time.monotonic() > deadline:
                return False
            time.sleep(_LOOK)
        return True

    def wait_until_ready(self) -> None:
        """Wait until it claims jobs, or is about to."""
        self.wait_until(lambda: re.search(r"\bis ready: ", self.log()) is not None, "the worker")

    def row(self) -> WorkerRow:
        """Have it say how it is, and return that; `stats` and `heartbeat_at` are fresh."""
        asked = self._scratch.run(operations.ping())

        def find() -> list[WorkerRow]:
            workers = self._scratch.run(operations.workers())
            return [w for w in workers if w.pid == self.pid and w.heartbeat_at >= asked]

        self.wait_until(lambda: bool(find()), "an answer to a ping")
        return find()[0]

    def connections(self) -> int:
        """Return how many connections pgqueue's processes have opened since its start."""
        found = self._scratch.value("worker_connections", applications="pgqueue%", since=self.began)
        return int(found)

    def cpu(self) -> WorkerReading:
        """Return its processor time so far."""
        return meters.worker_reading(self.pid)

    def memory(self) -> WorkerMemory:
        """Return the memory of its processes."""
        return meters.worker_memory(self.pid)

    def log(self) -> str:
        """Return the last lines of its log."""
        self._log.seek(0)
        return "".join(deque(self._log, maxlen=30)).rstrip()

    def stop(self) -> None:
        """End it; running jobs may end first. Its sessions are closed then."""
        assert self._process.stdin
        self._process.stdin.close()
        try:
            self._process.wait(PATIENCE)
        except (subprocess.TimeoutExpired, KeyboardInterrupt):  # a second Ctrl-C: at once
            self._process.kill()
            self._process.wait()


@contextmanager
def started(scratch: Scratch, options: Sequence[str] = (), app: str = APP) -> Iterator[Worker]:
    """Run `pgq worker` with some options until the end of the block, or of this process."""
    arguments = ["worker", "-A", app, *options]
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as log:
        began = scratch.clock()
        process = subprocess.Popen(  # noqa: S603 (our own text)
            [sys.executable, "-c", PGQ, *arguments],
            cwd=ROOT,
            env=environment(scratch),
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            start_new_session=True,  # Ctrl-C in the terminal is for us, who then stop it
        )
        worker = Worker(scratch, process, " ".join(["pgq", *arguments]), began, log)
        try:
            yield worker
        finally:
            worker.stop()


def environment(scratch: Scratch) -> dict[str, str]:
    """Return the environment of a process that uses the database of a `Scratch`."""
    environ = dict(os.environ)
    environ.pop("PGQUEUE_LISTEN_DSN", None)
    if scratch.listen_dsn:
        environ["PGQUEUE_LISTEN_DSN"] = scratch.listen_dsn
    if scratch.dsn:  # else it is in libpq's variables already
        environ["PGQUEUE_DSN"] = scratch.dsn
    return environ
