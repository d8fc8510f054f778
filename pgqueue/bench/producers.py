"""Producer processes as the measurements see them: started, told what to do, and ended."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import IO, Any

from pgqueue.bench.scratch import Scratch
from pgqueue.bench.worker import ROOT, environment
from pgqueue.errors import ConfigurationError

#: How far ahead (seconds) a common start is agreed on: by then every process has read of it.
LEAD = 0.05


class Producer:
    """A process that enqueues; see `producer.py` for what it can be told."""

    def __init__(self, process: subprocess.Popen[str], log: IO[str]) -> None:
        self._process = process
        self._log = log

    def tell(self, act: str, **command: Any) -> None:
        """Give a command, without waiting for its end."""
        assert self._process.stdin
        try:
            self._process.stdin.write(json.dumps({"act": act, **command}) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise self._gone() from None

    def answer(self) -> dict[str, Any]:
        """Wait for the answer to a command."""
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            raise self._gone()
        answer: dict[str, Any] = json.loads(line)
        return answer

    def ask(self, act: str, **command: Any) -> dict[str, Any]:
        """Give a command, and wait for its answer."""
        self.tell(act, **command)
        return self.answer()

    def end(self) -> None:
        """End the process; its sessions are closed then."""
        with self._process:  # closes its standard input, and waits
            pass

    def _gone(self) -> ConfigurationError:
        self._log.seek(0)
        return ConfigurationError(f"a producer has ended; it says:\n{self._log.read().rstrip()}")


@contextmanager
def started(scratch: Scratch, number: int = 1) -> Iterator[list[Producer]]:
    """Run so many producers, warmed up, until the end of the block."""
    with ExitStack() as stack:
        producers = [_start(scratch, stack) for _ in range(number)]
        for producer in producers:
            producer.tell("warm_up")
        for producer in producers:
            producer.answer()
        yield producers


def flat_out(producers: list[Producer], way: str, seconds: float) -> list[dict[str, Any]]:
    """Have all of them enqueue at once, and return their answers, with the common start as `at`."""
    at = time.monotonic() + LEAD
    for producer in producers:
        producer.tell("flat_out", way=way, at=at, seconds=seconds)
    return [{**producer.answer(), "at": at} for producer in producers]


def _start(scratch: Scratch, stack: ExitStack) -> Producer:
    log = stack.enter_context(  # (a stack is a context manager)
        tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "pgqueue.bench.producer"],
        cwd=ROOT,
        env=environment(scratch),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=log,
        text=True,
        start_new_session=True,  # Ctrl-C in the terminal is for us, who then end it
    )
    producer = Producer(process, log)
    stack.callback(producer.end)
    return producer
