"""The process that runs tasks: `python -m pgqueue.worker.child`, started by a supervisor only."""

from __future__ import annotations

import argparse
import contextlib
import json
import logging
import os
import signal
import socket
import sys
import threading
import warnings
from collections.abc import Callable
from typing import NamedTuple, NoReturn

from pgqueue.app import PgQueue
from pgqueue.describe import describe_exception, lines
from pgqueue.errors import ConfigurationError
from pgqueue.limits import Limits, checked_limits
from pgqueue.loading import load_app, written_at
from pgqueue.request import Request
from pgqueue.schedules import as_json, strangers
from pgqueue.settings import ConfigurationWarning
from pgqueue.worker import django, frames, moments
from pgqueue.worker.executor import Executor
from pgqueue.worker.logs import begin_child

RECEIVE = 1 << 18

_FOR_THE_SUPERVISOR = (
    "worker_concurrency",
    "worker_max_tasks_per_child",
    "worker_max_memory_per_child",
)


def main() -> None:
    """Serve one supervisor until it says quit, or is gone."""
    options = _options()
    # The supervisor says once what every child would.
    warnings.simplefilter("ignore", ConfigurationWarning)
    Request.hostname = options.name.rpartition("/")[0]  # the worker's: children are numbered
    begin_child(options.log_level, options.log_format, options.name)
    # The supervisor decides when a child ends: neither a terminal's Ctrl-C is for it, nor the
    # SIGTERM of a service manager that tells the whole group. A handler, because what a task
    # starts would inherit that the signal is ignored.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, lambda *_: None)
    os.set_inheritable(options.fd, False)  # what tasks start has no end of the pipe
    pipe = socket.socket(fileno=options.fd)
    try:
        django.watch()
        app = load_app(options.app)
        app.import_tasks()
        django.settle()
        worker = _worker(app, options)
        moments.begin(worker, _told(options), options.log_format)
        limits = checked_limits(options.time_limit, options.soft_time_limit)
        limits = limits.over(Limits(app.conf.task_time_limit, app.conf.task_soft_time_limit))
        pipe.sendall(frames.hello_frame(_hello(app, limits)))
    except BaseException as error:  # noqa: BLE001 (the supervisor must hear why)
        text = _why(error)
        with contextlib.suppress(OSError):  # the supervisor is gone
            pipe.sendall(frames.frame(frames.BROKEN, text))
        raise SystemExit(1) from None
    writer = Writer(pipe.sendall)
    executor = Executor(app.tasks, options.slots, writer.put, limits, lent=options.alone)
    parts = Parts(pipe, app, executor, writer, moments.Moments(worker, limits))
    if not options.alone:
        _serve(parts)
    # Only the main thread can be interrupted in what it waits for, see `alarms`.
    serve = threading.Thread(target=_serve, args=(parts,), name="pgqueue-pipe", daemon=True)
    serve.start()
    executor.work()


class Parts(NamedTuple):
    """What a child consists of."""

    pipe: socket.socket
    app: PgQueue
    executor: Executor
    writer: Writer
    moments: moments.Moments


def _serve(parts: Parts) -> NoReturn:
    reader = frames.FrameReader()
    while data := _received(parts.pipe):
        for kind, body in reader.feed(data):
            if kind == frames.JOBS:
                parts.executor.submit(frames.read_records(body))
            elif kind == frames.RECALL:
                parts.executor.recall()
            elif kind == frames.NOTICE:
                parts.moments.tell(body)
            elif kind == frames.CANCEL:
                parts.executor.cancel({(o[0], o[1]): o[2] for o in frames.read_records(body)})
            elif kind == frames.LIMITS:
                limits = {name: Limits(*pair) for name, pair in json.loads(body).items()}
                parts.executor.override(limits)
            elif kind == frames.QUIT:
                _end(parts)
    # The supervisor is gone, and with it the lease: whatever runs here runs elsewhere soon. What
    # tasks have started ends, too: it is of this process's group.
    if os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os._exit(1)


def _end(parts: Parts) -> NoReturn:
    parts.executor.wait_until_idle()
    parts.moments.end()
    parts.app.close()
    parts.writer.close()
    logging.shutdown()
    with contextlib.suppress(OSError, ValueError):  # closed, or nobody reads it
        sys.stdout.flush()
    os._exit(0)


def _received(pipe: socket.socket) -> bytes:
    try:
        return pipe.recv(RECEIVE)
    except OSError:
        return b""


class Writer:
    """Sends records from a thread of its own: while it sends, the next ones gather."""

    def __init__(self, send: Callable[[bytes], None]) -> None:
        self._send = send
        self._records: list[str] = []
        self._more = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="pgqueue-writer", daemon=True)
        self._thread.start()

    def put(self, record: str) -> None:
        """Send a record, together with those that came meanwhile."""
        with self._more:
            self._records.append(record)
            if len(self._records) == 1:
                self._more.notify()

    def close(self) -> None:
        """Send what is left and end."""
        with self._more:
            self._closed = True
            self._more.notify()
        self._thread.join()

    def _run(self) -> None:
        while True:
            with self._more:
                self._more.wait_for(lambda: self._records or self._closed)
                records, self._records = self._records, []
            if not records:
                return
            try:
                self._send(frames.outcomes_frame(records))
            except OSError:
                os._exit(1)  # as in _serve


def _worker(app: PgQueue, options: argparse.Namespace) -> moments.WorkerProcess:
    name, _, process = options.name.rpartition("/")
    return moments.WorkerProcess(app, name, process, options.slots, options.log_level)


def _told(options: argparse.Namespace) -> dict[str, object]:
    private = ("fd", "name")
    return {key: value for key, value in vars(options).items() if key not in private}


def _why(error: BaseException) -> str:
    """Return why the child cannot begin: in a line, if only a setting is wrong."""
    if isinstance(error, ConfigurationError):
        return lines(f"{error}{written_at(error)}")
    return describe_exception(error)[1]


def _hello(app: PgQueue, limits: Limits) -> dict[str, object]:
    tasks = app.tasks.values()
    schedules = app.schedules()
    of_tasks = {task.name: task.limits.over(limits) for task in tasks}
    return {
        "name": app.name,
        "dsn": app.dsn,
        "listen_dsn": app.listen_dsn,
        "schema": app.schema,
        "tasks": sorted(app.tasks),
        "queues": app.conf.task_queues or sorted({task.queue for task in tasks}),
        "coroutines": [task.name for task in tasks if task.is_async],
        "allowances": {t.name: t.plan.allowance for t in tasks if t.plan.allowance},
        "rates": not app.conf.worker_disable_rate_limits,
        "limits": {name: limits for name, limits in of_tasks.items() if any(limits)},
        "settings": {name: app.conf[name] for name in _FOR_THE_SUPERVISOR},
        "schedules": as_json(schedules),
        "remarks": [*app.conf.remarks, *strangers(app, schedules)],
    }


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fd", type=int, required=True)
    parser.add_argument("--app", required=True)
    parser.add_argument("--slots", type=int, required=True)
    parser.add_argument("--name", required=True)
    parser.add_argument("--alone", action="store_true")
    parser.add_argument("--time-limit", type=float)
    parser.add_argument("--soft-time-limit", type=float)
    parser.add_argument("--log-level", default="info")
    parser.add_argument("--log-format", default="human")
    return parser.parse_args()


if __name__ == "__main__":
    main()
