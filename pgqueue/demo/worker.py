"""A `pgq worker` for as long as the demo runs."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from pgqueue.errors import ConfigurationError

APP = "pgqueue.demo.app"
MAX_PROCESSES = 4
GRACE = 5  # seconds that running jobs have when the demo is interrupted

# `pgq` with a thread that waits for the end of standard input. That comes when the demo closes it,
# or ends in any other way: even after a kill -9 no worker is left behind. By then the database may
# be gone, too, and the worker could wait for it for ever.
PGQ = f"""
import os, runpy, signal, threading, time
def follow():
    os.read(0, 1)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep({2 * GRACE})
    os.kill(os.getpid(), signal.SIGKILL)
threading.Thread(target=follow, daemon=True).start()
runpy.run_module("pgqueue.cli", run_name="__main__")
"""


class Worker:
    """A worker process; made by `started`."""

    def __init__(
        self, process: subprocess.Popen[bytes], arguments: list[str], log: IO[str]
    ) -> None:
        self.command = " ".join(["pgq", *arguments])
        self._process = process
        self._log = log

    def check(self) -> None:
        """Raise `ConfigurationError` with the end of its log if the worker is gone."""
        if self._process.poll() is not None:
            raise ConfigurationError(f"the worker has ended; its log says at last:\n{self.log()}")

    def log(self) -> str:
        """Return the last lines of its log."""
        self._log.seek(0)
        return "".join(deque(self._log, maxlen=15)).rstrip()

    def stop(self) -> None:
        """End the worker; running jobs may end first."""
        assert self._process.stdin
        self._process.stdin.close()
        try:
            self._process.wait(3 * GRACE)
        except (subprocess.TimeoutExpired, KeyboardInterrupt):  # a second Ctrl-C: at once
            self._process.kill()
            self._process.wait()


@contextmanager
def started(concurrency: int | None) -> Iterator[Worker]:
    """Run a worker of the demo's application, which finds its database in the environment."""
    processes = min(os.cpu_count() or 1, MAX_PROCESSES, concurrency or MAX_PROCESSES)
    arguments = ["worker", "-A", APP, "-c", str(concurrency or 2 * processes)]
    arguments += ["--processes", str(processes)]
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as log:
        process = subprocess.Popen(  # noqa: S603 (our own text)
            [sys.executable, "-c", PGQ, *arguments, "--grace", str(GRACE)],
            # Not in the user's folder: a calendar.py there would be taken for Python's own.
            cwd=Path(__file__).parents[2],
            # What the parser warns about in other people's files is of no interest.
            env={**os.environ, "PYTHONWARNINGS": "ignore"},
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            start_new_session=True,  # Ctrl-C in the terminal is for us, who then stop it
        )
        worker = Worker(process, arguments, log)
        try:
            yield worker
        finally:
            worker.stop()
