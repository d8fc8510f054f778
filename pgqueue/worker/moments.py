"""The life of a worker as its application hears of it: signals, sent in a child process.

The supervisor runs no user code, and children are started afresh instead of forked. So what
prepares a process (`celeryd_init` to `worker_process_init`) is sent in each of them; of what
happens to the worker as a whole, the supervisor tells one of them, and of jobs that ended without a
process that could tell it.
"""

from __future__ import annotations

import json
import logging
import os
import threading
import time
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any

from pgqueue import hooks, signals
from pgqueue.app import PgQueue
from pgqueue.errors import TaskFailed, TimeLimitExceeded
from pgqueue.limits import NO_LIMITS, Limits
from pgqueue.worker import frames, logs
from pgqueue.worker.execution import Run

log = logging.getLogger("pgqueue.worker")

READY, SCHEDULING, SHUTTING_DOWN, SHUTDOWN = "ready", "scheduling", "shutting_down", "shutdown"
#: A process that is about to end waits so long (seconds) for receivers.
PATIENCE = 20.0


@dataclass(frozen=True, slots=True)
class WorkerProcess:
    """What receivers of a worker's signals get as `sender` or `instance`: the process they are in.

    `hostname` is the worker's name, `process` the name of this process within it; `slots` is how
    many jobs it runs at once.
    """

    app: PgQueue
    hostname: str
    process: str
    slots: int
    loglevel: str

    @property
    def pid(self) -> int:
        """The id of the process."""
        return os.getpid()


def begin(worker: WorkerProcess, options: dict[str, Any], log_format: str) -> None:
    """Tell the application that a process of a worker begins, and have it configure logging."""
    app, name = worker.app, worker.hostname
    conf = getattr(app, "conf", None)
    signals.celeryd_init.send(sender=name, instance=worker, conf=conf, options=options)
    signals.worker_init.send(sender=worker)
    logs.configure_child(conf, worker.loglevel, log_format, f"{name}/{worker.process}")
    signals.celeryd_after_setup.send(sender=name, instance=worker, conf=conf)
    signals.worker_process_init.send(sender=name)


class Moments:
    """Tells receivers what the supervisor says of the worker, in a thread of their own."""

    def __init__(self, worker: WorkerProcess, limits: Limits = NO_LIMITS) -> None:
        self._worker = worker
        self._limits = limits
        self._notices: SimpleQueue[str | None] = SimpleQueue()
        self._thread: threading.Thread | None = None

    def tell(self, notice: str) -> None:
        """Have the receivers hear of this as soon as those of the one before have."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="pgqueue-moments", daemon=True)
            self._thread.start()
        self._notices.put(notice)

    def end(self) -> None:
        """Tell the application that this process ends; if that takes too long, end it."""
        hurry = threading.Timer(PATIENCE, self._leave)
        hurry.daemon = True
        hurry.start()
        if self._thread:
            self._notices.put(None)
            self._thread.join()
        about = {"sender": self._worker.hostname, "pid": os.getpid(), "exitcode": 0}
        try:
            signals.worker_process_shutdown.send(**about)
        except BaseException:  # such as SystemExit: it does end, when all is in order
            log.exception("a receiver of worker_process_shutdown raised")
        hurry.cancel()

    def _leave(self) -> None:
        log.error("receivers of the end of this process take longer than %g s", PATIENCE)
        os._exit(0)

    def _run(self) -> None:
        while (notice := self._notices.get()) is not None:
            about = json.loads(notice)
            event = about.pop("event")
            if event == READY:
                signals.worker_ready.send(sender=self._worker)
            elif event == SCHEDULING:
                signals.beat_init.send(sender=self._worker)
            elif event == SHUTTING_DOWN:
                signals.worker_shutting_down.send(sender=self._worker.hostname, **about)
            elif event == SHUTDOWN:
                signals.worker_shutdown.send(sender=self._worker)
            else:
                hooks.act(self._of_a_job(event, **about))

    def _of_a_job(self, event: str, job: str, **about: Any) -> hooks.Calls:
        """Return what is due because a job has ended that no process of its own can tell of."""
        run = Run(job.split(frames.FIELD), self._worker.app.tasks, time.monotonic(), self._limits)
        if event == frames.REVOKED:
            return run.told_revoked(signum=about["signum"])
        kind, _, message = about["error"].partition(": ")
        if kind == TimeLimitExceeded.__name__:
            return run.told_killed(TimeLimitExceeded(message))
        return run.told_killed(TaskFailed(kind, message))
