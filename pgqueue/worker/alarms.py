"""Soft time limits: `SoftTimeLimitExceeded`, raised in a task at whatever it waits for.

A task that is `def` runs in the main thread of a process of its own: a signal ends what that thread
waits for, be it `time.sleep`, a socket or a query, and its handler raises. (In any other thread an
exception comes to light only when the call that blocks returns.) One that is `async def` is
cancelled, with an exception that is also a `SoftTimeLimitExceeded`.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import threading
from collections.abc import Coroutine, Generator
from types import FrameType, TracebackType
from typing import Any, TypeVar

from pgqueue.errors import SoftTimeLimitExceeded

R = TypeVar("R")

log = logging.getLogger("pgqueue.task")

#: The signal that Celery uses for this; the timer's own, SIGALRM, is left to tasks.
SIGNAL = signal.SIGUSR1


class Alarm:
    """Raises `SoftTimeLimitExceeded` in its block, once, after so many seconds."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._armed = False
        self._timer = threading.Timer(seconds, self._ring)
        self._timer.daemon = True

    def __enter__(self) -> None:
        if threading.current_thread() is not threading.main_thread():
            log.warning("a soft time limit of %g s cannot be kept in a thread", self._seconds)
            return
        signal.signal(SIGNAL, self._raise)
        self._armed = True
        self._timer.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        # First: from here on the handler, which runs in this very thread, does nothing.
        self._armed = False
        self._timer.cancel()

    def _ring(self) -> None:
        signal.pthread_kill(threading.main_thread().ident or 0, SIGNAL)

    def _raise(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        if self._armed:
            self._armed = False
            raise _exceeded(SoftTimeLimitExceeded, self._seconds)


class _Cancelled(SoftTimeLimitExceeded, asyncio.CancelledError):
    """What the structures of asyncio take for a cancellation, and a task can catch by its name."""

    __module__, __qualname__ = SoftTimeLimitExceeded.__module__, SoftTimeLimitExceeded.__qualname__


async def until(seconds: float, coroutine: Coroutine[Any, Any, R]) -> R:
    """Await a coroutine; after so many seconds, raise `SoftTimeLimitExceeded` where it waits."""
    running = asyncio.current_task()
    assert running
    call = _Call(coroutine, running, seconds)
    timer = running.get_loop().call_later(seconds, call.cancel)
    try:
        result: R = await call
        return result
    finally:
        timer.cancel()


class _Call:
    """Drives a coroutine by hand, in order to say what its cancellation is."""

    def __init__(
        self, coroutine: Coroutine[Any, Any, Any], running: asyncio.Task[Any], seconds: float
    ) -> None:
        self._coroutine = coroutine
        self._running = running
        self._seconds = seconds
        self._cancelling = False

    def cancel(self) -> None:
        self._cancelling = True
        self._running.cancel()

    def __await__(self) -> Generator[Any, Any, Any]:
        answer: Any = None
        error: BaseException | None = None
        while True:
            try:
                awaited = (
                    self._coroutine.send(answer) if error is None else self._coroutine.throw(error)
                )
            except StopIteration as end:
                return end.value
            try:
                answer, error = (yield awaited), None
            except asyncio.CancelledError as cancelled:
                error = cancelled
                if self._cancelling:
                    self._cancelling = False
                    self._running.uncancel()
                    error = _exceeded(_Cancelled, self._seconds)
            except BaseException as raised:  # noqa: BLE001 (whatever it is, it is the coroutine's)
                error = raised


def _exceeded(kind: type[SoftTimeLimitExceeded], seconds: float) -> SoftTimeLimitExceeded:
    return kind(f"the task runs for longer than its soft time limit of {seconds:g} s")
