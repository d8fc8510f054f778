"""One run of the demo: enqueue every file, while a worker is at it, and wait for the last job."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from pgqueue.demo import queries
from pgqueue.demo.enqueueing import enqueue
from pgqueue.demo.folder import SourceFile
from pgqueue.demo.place import Connection
from pgqueue.demo.progress import Progress
from pgqueue.demo.worker import Worker
from pgqueue.errors import ConfigurationError

LOOK = 0.2  # seconds between two looks at the jobs
PATIENCE = 60.0  # seconds without any change before something must be wrong


def begin(connection: Connection, folder: Path) -> int:
    """Note a new run; returns its number."""
    insert = "insert into pgqueue_demo.runs (folder) values (%s) returning id"
    row = connection.execute(insert, [str(folder)]).fetchone()
    assert row
    return int(row[0])


def play(
    connection: Connection,
    run: int,
    files: list[SourceFile],
    worker: Worker,
    show: Callable[[Progress], None],
) -> Progress:
    """Enqueue the files and wait until every job has ended; `show` is told how far it is."""
    watch = Watch(connection, run, worker, show)
    for committed in enqueue(run, files):
        watch.count(committed=committed)
        watch.look_if_it_is_time()
    watch.look()
    while watch.progress.unfinished:
        time.sleep(LOOK / 4)
        watch.look_if_it_is_time()
    return watch.progress


class Watch:
    """Looks at a run's jobs every now and then, and sees to it that the worker is alive."""

    def __init__(
        self, connection: Connection, run: int, worker: Worker, show: Callable[[Progress], None]
    ) -> None:
        self.progress = Progress()
        self._connection, self._run, self._worker, self._show = connection, run, worker, show
        self._began = self._moved = time.monotonic()
        self._next_look = 0.0

    def count(self, *, committed: bool) -> None:
        """Note that a file was committed, or rolled back."""
        p = self.progress
        if committed:
            self.progress = replace(p, enqueued=p.enqueued + 1)
        else:
            self.progress = replace(p, rolled_back=p.rolled_back + 1)

    def look_if_it_is_time(self) -> None:
        """Look, unless that was done just now."""
        if time.monotonic() >= self._next_look:
            self.look()

    def look(self) -> None:
        """Ask for the states of the jobs, and show them."""
        self._worker.check()
        began = time.monotonic()
        states = queries.states(self._connection, self._run)
        now = time.monotonic()
        # A history of millions is slow to count: then it is looked at less often.
        self._next_look = now + max(LOOK, 5 * (now - began))
        before = replace(self.progress, seconds=now - self._began)
        self.progress = replace(
            before,
            waiting=states.get("queued", 0) + states.get("waiting", 0),
            running=states.get("running", 0),
            succeeded=states.get("succeeded", 0),
            failed=states.get("failed", 0) + states.get("cancelled", 0),
        )
        self._show(self.progress)
        if self.progress != before:
            self._moved = now
        elif now - self._moved > PATIENCE:
            self._require_movement_elsewhere()
            self._moved = now

    def _require_movement_elsewhere(self) -> None:
        # Jobs that a killed run has left are older, and go first.
        if not queries.value(self._connection, "just_finished", self._run):
            raise ConfigurationError(
                f"nothing has moved for {PATIENCE:.0f} s; is the queue 'demo' paused? The worker's "
                f"log says at last:\n{self._worker.log()}"
            )
