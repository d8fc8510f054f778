"""Signals: functions of an application that are called when something happens. Pure registry.

Names, senders and keyword arguments are Celery's; `docs/signals.md` says in which process each is
sent, and what differs.
"""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import logging
import threading
import weakref
from collections.abc import Callable, Coroutine, Hashable
from dataclasses import dataclass
from typing import Any, TypeVar, overload

from pgqueue.describe import exc_info_of, shortened
from pgqueue.errors import InvalidOption

F = TypeVar("F", bound=Callable[..., Any])

#: Who answered what; an exception is the answer of a receiver that raised.
Responses = list[tuple[Callable[..., Any], Any]]

log = logging.getLogger("pgqueue.signals")


@dataclass(frozen=True, slots=True)
class _Connection:
    key: Hashable
    sender: Any
    #: The receiver, or how to get it while it lives.
    receiver: Callable[..., Any]
    weak: bool

    def hears(self, sender: Any) -> bool:
        # Equal, and not only the same: a text, or what stands for a task, as a shared one does.
        return self.sender is None or self.sender is sender or bool(self.sender == sender)

    def alive(self) -> Callable[..., Any] | None:
        found: Callable[..., Any] | None = self.receiver() if self.weak else self.receiver
        return found


class Signal:
    """Something that happens, and who is told of it.

    `name` is for people; `arguments` are the names of what receivers get besides `signal` and
    `sender`. Whether anybody is connected can be asked for next to nothing: `if signal.receivers`.

    >>> shipped = Signal("shipped", "parcel")
    >>> @shipped.connect
    ... def tell(sender, parcel, **kwargs):
    ...     return f"{sender} sends {parcel}"
    >>> [answer for _, answer in shipped.send(sender="shop", parcel=7)]
    ['shop sends 7']
    """

    def __init__(self, name: str, *arguments: str) -> None:
        self.name = name
        self.arguments = arguments
        #: Replaced as a whole, so that whoever sends meanwhile needs no lock.
        self.receivers: tuple[_Connection, ...] = ()
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"<signal {self.name}: {len(self.receivers)} receivers>"

    @overload
    def connect(
        self, receiver: F, sender: Any = None, weak: bool = True, dispatch_uid: Hashable = None
    ) -> F: ...

    @overload
    def connect(
        self,
        receiver: None = None,
        sender: Any = None,
        weak: bool = True,
        dispatch_uid: Hashable = None,
    ) -> Callable[[F], F]: ...

    def connect(
        self,
        receiver: Any = None,
        sender: Any = None,
        weak: bool = True,
        dispatch_uid: Hashable = None,
    ) -> Any:
        """Have a function called whenever this is sent; also as a decorator, with options or not.

        It is called with keywords only: `signal`, `sender` and what the signal provides, so it
        takes `**kwargs`. With a `sender` it hears of that one only, or of what is equal to
        it. `weak` keeps no reference: a function that nobody else refers to, such as one that
        is defined inside another, is gone at once. `dispatch_uid` stands for the receiver: under
        one that is taken, nothing is connected. Raises `InvalidOption` if it is not callable, or
        takes no `**kwargs`.
        """
        if receiver is None:
            return lambda function: self.connect(function, sender, weak, dispatch_uid)
        _check(receiver, self)
        key = _key(receiver, sender, dispatch_uid)
        held = _weak_reference(receiver) if weak else receiver
        with self._lock:
            there = self._living()
            if all(each.key != key for each in there):
                there = (*there, _Connection(key, sender, held, weak))
            self.receivers = there
        return receiver

    def disconnect(
        self, receiver: Any = None, sender: Any = None, dispatch_uid: Hashable = None
    ) -> bool:
        """Disconnect what `connect` connected with these; return whether it was connected."""
        key = _key(receiver, sender, dispatch_uid)
        with self._lock:
            there = self._living()
            self.receivers = tuple(each for each in there if each.key != key)
            return len(self.receivers) < len(there)

    def has_listeners(self, sender: Any = None) -> bool:
        """Tell whether anybody would hear of this from `sender`."""
        return bool(self._hearing(sender))

    def send(self, sender: Any, **named: Any) -> Responses:
        """Call the receivers, in the order in which they were connected; return what each said.

        One that raises is logged, and its exception is its answer. One that is `async def` runs to
        its end before the next is called, in an event loop of its own; from a coroutine, use
        `asend`.
        """
        responses: Responses = []
        for receiver in self._hearing(sender) if self.receivers else ():
            try:
                answer = receiver(signal=self, sender=sender, **named)
                if inspect.iscoroutine(answer):
                    answer = run_to_its_end(answer)
            except Exception as error:  # noqa: BLE001 (it is the receiver's own affair)
                answer = self._failed(receiver, error)
            responses.append((receiver, answer))
        return responses

    async def asend(self, sender: Any, **named: Any) -> Responses:
        """Call the receivers from a coroutine: those that are `async def` are awaited in turn."""
        responses: Responses = []
        for receiver in self._hearing(sender) if self.receivers else ():
            try:
                answer = receiver(signal=self, sender=sender, **named)
                if inspect.iscoroutine(answer):
                    answer = await answer
            except Exception as error:  # noqa: BLE001 (the same)
                answer = self._failed(receiver, error)
            responses.append((receiver, answer))
        return responses

    def _failed(self, receiver: Callable[..., Any], error: Exception) -> Exception:
        log.error(
            "%s: receiver %s raised", self.name, shortened(receiver), exc_info=exc_info_of(error)
        )
        return error

    def _hearing(self, sender: Any) -> list[Callable[..., Any]]:
        hearing = [each.alive() for each in self.receivers if each.hears(sender)]
        return [receiver for receiver in hearing if receiver is not None]

    def _living(self) -> tuple[_Connection, ...]:
        return tuple(each for each in self.receivers if each.alive() is not None)


def _check(receiver: Any, signal: Signal) -> None:
    if not callable(receiver):
        raise InvalidOption(f"{signal.name}.connect({shortened(receiver)}): give a function")
    try:
        parameters = inspect.signature(receiver).parameters.values()
    except (TypeError, ValueError):  # of some built-in callables nothing can be known
        return
    if not any(each.kind is each.VAR_KEYWORD for each in parameters):
        raise InvalidOption(
            f"{signal.name}.connect({shortened(receiver)}): a receiver must accept keyword "
            "arguments, also those that a later release adds: end its parameters with **kwargs"
        )


def _key(receiver: Any, sender: Any, dispatch_uid: Hashable) -> Hashable:
    who: Hashable = dispatch_uid
    if who is None:
        function = getattr(receiver, "__func__", None)
        # A bound method is another object each time that it is looked up.
        who = id(receiver) if function is None else (id(receiver.__self__), id(function))
    return who, sender if isinstance(sender, str) else id(sender)


def _weak_reference(receiver: Any) -> Callable[[], Any]:
    kind: Any = weakref.WeakMethod if hasattr(receiver, "__func__") else weakref.ref
    try:
        reference: Callable[[], Any] = kind(receiver)
    except TypeError:
        raise InvalidOption(
            f"{shortened(receiver)} cannot be referred to weakly: connect it with weak=False"
        ) from None
    return reference


def run_to_its_end(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine in an event loop of its own, wherever this is called, and wait for it."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(coroutine)
    # This thread's loop goes round, below us: another thread has to have another one.
    outcome: list[Any] = []
    context = contextvars.copy_context()

    def run() -> None:
        try:
            outcome.extend((context.run(asyncio.run, coroutine), None))
        except BaseException as error:  # noqa: BLE001 (it is raised where it is waited for)
            outcome.extend((None, error))

    thread = threading.Thread(target=run, name="pgqueue-receiver")
    thread.start()
    thread.join()
    value, raised = outcome
    if raised is not None:
        raise raised
    return value


# ── in the process that enqueues ─────────────────────────────────────────────────────────────

before_task_publish = Signal(
    "before_task_publish",
    *("body", "exchange", "routing_key", "headers", "properties", "declare", "retry_policy"),
)
after_task_publish = Signal("after_task_publish", "headers", "body", "exchange", "routing_key")

# ── around a run, in the process that runs the task ──────────────────────────────────────────

task_received = Signal("task_received", "request")
task_prerun = Signal("task_prerun", "task_id", "task", "args", "kwargs")
task_postrun = Signal("task_postrun", "task_id", "task", "args", "kwargs", "retval", "state")
task_success = Signal("task_success", "result", "runtime")
task_retry = Signal("task_retry", "request", "reason", "einfo")
task_failure = Signal(
    "task_failure", "task_id", "exception", "args", "kwargs", "traceback", "einfo"
)
task_internal_error = Signal(
    "task_internal_error",
    *("task_id", "args", "kwargs", "request", "exception", "traceback", "einfo"),
)
task_revoked = Signal("task_revoked", "request", "terminated", "signum", "expired")
task_rejected = Signal("task_rejected", "message", "exc")
task_unknown = Signal("task_unknown", "message", "exc", "name", "id")

# ── in a worker's processes ──────────────────────────────────────────────────────────────────

import_modules = Signal("import_modules")
celeryd_init = Signal("celeryd_init", "instance", "conf", "options")
celeryd_after_setup = Signal("celeryd_after_setup", "instance", "conf")
worker_init = Signal("worker_init")
worker_process_init = Signal("worker_process_init")
worker_process_shutdown = Signal("worker_process_shutdown", "pid", "exitcode")
worker_ready = Signal("worker_ready")
worker_shutting_down = Signal("worker_shutting_down", "sig", "how", "exitcode")
worker_shutdown = Signal("worker_shutdown")

setup_logging = Signal("setup_logging", "loglevel", "logfile", "format", "colorize")
after_setup_logger = Signal(
    "after_setup_logger", "logger", "loglevel", "logfile", "format", "colorize"
)
after_setup_task_logger = Signal(
    "after_setup_task_logger", "logger", "loglevel", "logfile", "format", "colorize"
)

# ── in the scheduler ─────────────────────────────────────────────────────────────────────────

beat_init = Signal("beat_init")
