"""What operators tell this worker: read when a heartbeat says that there is something, answered.

The supervisor answers, and waits for nobody: neither for a child nor for a task. What is told is a
row (sql/functions/tell.sql), so that it reaches a worker that is busy, cut off for a moment, or
behind a pooler where it hears no notification.
"""

from __future__ import annotations

import json
import logging
import resource
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pgqueue import __version__, operations
from pgqueue.config import hide_password
from pgqueue.errors import PgQueueError
from pgqueue.limits import Limits
from pgqueue.options import checked_name
from pgqueue.rows import Beat, Command, TaskSettings
from pgqueue.worker.control import Control
from pgqueue.worker.crew import Crew
from pgqueue.worker.journal import Journal
from pgqueue.worker.limited import Limited
from pgqueue.worker.liveness import Liveness
from pgqueue.worker.pump import Pump
from pgqueue.worker.settings import WorkerOptions
from pgqueue.worker.wakeup import Listener

log = logging.getLogger("pgqueue.worker")

#: Of the columns for these numbers.
MOST = 32767

Arguments = Mapping[str, Any]
Reply = Any


class Refusal(Exception):  # noqa: N818 (an answer, not a failure)
    """A command cannot be carried out; says why."""


class Commands:
    """Carries out what a worker is told, in the order in which it was told.

    A command is done once, although its answer may be written twice: when a commit's outcome is
    not known, it is read again.
    """

    def __init__(
        self,
        options: WorkerOptions,
        hello: Mapping[str, Any],
        queues: Sequence[str],
        *,
        control: Control,
        liveness: Liveness,
        crew: Crew,
        limited: Limited,
        pump: Pump,
        listener: Listener,
        journal: Journal,
        stop: Callable[[], None],
    ) -> None:
        self._options, self._hello = options, hello
        self._queues = list(queues)
        self._control, self._liveness = control, liveness
        self._crew, self._pump, self._listener = crew, pump, listener
        self._journal = journal
        self._limited = limited
        self._stop = stop
        self._began = time.monotonic()
        #: The sum of the settings that are in force; see `Beat`.
        self._sum = "0"
        self._settings: dict[str, TaskSettings] = {}
        #: What has been done, and how it was answered, until that is certainly written down.
        self._done: dict[int, str] = {}
        self._adapted = self._leaving = False
        self._verbs: dict[str, Callable[[Arguments], Reply]] = {
            "ping": lambda _: {"ok": "pong"},
            "hands": self._hands,
            "stats": self._stats,
            "report": self._report,
            "conf": self._conf,
            "revoke": self._revoke,
            "rate_limit": self._rate_limit,
            "time_limit": self._time_limit,
            "add_consumer": self._add_consumer,
            "cancel_consumer": self._cancel_consumer,
            "pool_grow": self._pool_grow,
            "pool_shrink": self._pool_shrink,
            "pool_restart": self._pool_restart,
            "shutdown": self._shutdown,
        }

    async def learn(self) -> None:
        """Find out what was said of tasks, and go by it from now on."""
        said = await self._control.run(operations.task_settings())
        self._settings = {each.task: each for each in said}
        self._crew.override(
            {s.task: Limits(s.time_limit, s.soft_time_limit) for s in said if s.limited}
        )
        self._limited.override(said, self._hello["tasks"])
        self._pump.wake()

    async def heed(self, beat: Beat) -> None:
        """Act upon what a heartbeat has brought."""
        if beat.settings != self._sum:
            await self.learn()
            self._sum = beat.settings
        if beat.told:
            await self._answer()

    async def _answer(self) -> None:
        async with self._control.transaction() as run:
            told = await run(operations.commands(self._liveness.ids))
            for command in told:
                if command.id not in self._done:
                    self._done[command.id] = json.dumps(self._carry_out(command))
            if self._adapted:
                await run(
                    self._liveness.adapted(
                        self._queues, self._crew.processes, self._crew.concurrency
                    )
                )
            if told:
                await run(operations.answer({c.id: self._done[c.id] for c in told}))
        self._done.clear()
        self._adapted = False
        if self._leaving:
            self._leaving = False
            self._stop()

    def _carry_out(self, command: Command) -> Reply:
        verb = self._verbs.get(command.name)
        if verb is None:
            known = ", ".join(sorted(self._verbs))
            return {"error": f"unknown command {command.name!r}: this worker knows {known}"}
        log.debug("told: %s %s", command.name, command.arguments)
        try:
            arguments = json.loads(command.arguments)
            return verb(arguments if isinstance(arguments, dict) else {})
        except (Refusal, PgQueueError) as refusal:
            return {"error": str(refusal)}
        except Exception as error:  # what somebody wrote there with SQL must not end the worker
            log.exception("told: %s %s", command.name, command.arguments)
            return {"error": f"{type(error).__name__}: {error}"}

    # ── questions ────────────────────────────────────────────────────────────────────────────

    def _hands(self, _: Arguments) -> Reply:
        begun, waiting = self._crew.hands()
        return {
            "active": [[job.id, job.claim, pid] for job, pid in begun],
            "reserved": [[job.id, job.claim] for job in waiting],
        }

    def _stats(self, _: Arguments) -> Reply:
        most = self._options.max_tasks_per_child
        return {
            "total": dict(self._crew.begun),
            "pid": self._liveness.pid,
            "uptime": int(time.monotonic() - self._began),
            "pool": {
                "implementation": "pgqueue: processes of threads and an event loop",
                "max-concurrency": self._crew.concurrency,
                "processes": self._crew.pids(),
                "max-tasks-per-child": most if isinstance(most, int) else "N/A",
                "timeouts": [
                    self._options.limits.soft_time_limit or 0,
                    self._options.limits.time_limit or 0,
                ],
            },
            "prefetch_count": self._crew.stock,
            "broker": {
                "transport": "postgresql",
                "uri": hide_password(self._hello["dsn"]),
                "schema": self._hello["schema"],
            },
            "rusage": _usage(),
            "outcomes": self._journal.counts(),
            "round_trips": self._control.round_trips,
        }

    def _report(self, _: Arguments) -> Reply:
        facts = {
            "pgqueue": __version__,
            "worker": self._options.name,
            "application": self._options.app,
            "database": hide_password(self._hello["dsn"]) or "as libpq's variables say",
            "schema": self._hello["schema"],
            "queues": ", ".join(self._queues) or "none",
            "slots": f"{self._crew.concurrency} in {self._crew.processes} processes",
            "tasks": ", ".join(self._hello["tasks"]),
        }
        return {"ok": "".join(f"{name}: {fact}\n" for name, fact in facts.items())}

    def _conf(self, _: Arguments) -> Reply:
        options = self._options
        most, memory = options.max_tasks_per_child, options.max_memory_per_child
        return {
            "main": self._hello["name"],
            "dsn": hide_password(self._hello["dsn"]),
            "schema": self._hello["schema"],
            "task_queues": self._queues,
            "task_time_limit": options.limits.time_limit,
            "task_soft_time_limit": options.limits.soft_time_limit,
            "worker_concurrency": self._crew.concurrency,
            "worker_processes": self._crew.processes,
            "worker_max_tasks_per_child": most if isinstance(most, int) else None,
            "worker_max_memory_per_child": memory if isinstance(memory, int) else None,
            "worker_grace": options.grace,
        }

    # ── acts ─────────────────────────────────────────────────────────────────────────────────

    def _revoke(self, arguments: Arguments) -> Reply:
        jobs = [(str(id_), int(claim)) for id_, claim in arguments["jobs"]]
        self._crew.revoke(jobs, arguments.get("signal"))
        return {"ok": f"{len(jobs)} jobs flagged as revoked"}

    def _rate_limit(self, arguments: Arguments) -> Reply:
        self._known(arguments)
        if arguments.get("rate_limit") is None:
            return {"ok": "rate limit disabled successfully"}
        return {"ok": "new rate limit set successfully"}

    def _time_limit(self, arguments: Arguments) -> Reply:
        self._known(arguments)
        return {"ok": "time limits set successfully"}

    def _add_consumer(self, arguments: Arguments) -> Reply:
        queue = checked_name("queue", arguments.get("queue"))
        if queue in self._queues:
            return {"ok": f"already consuming from {queue!r}"}
        self._serve([*self._queues, queue])
        return {"ok": f"add consumer {queue}"}

    def _cancel_consumer(self, arguments: Arguments) -> Reply:
        queue = checked_name("queue", arguments.get("queue"))
        self._serve([each for each in self._queues if each != queue])
        return {"ok": f"no longer consuming from {queue}"}

    def _pool_grow(self, arguments: Arguments) -> Reply:
        self._resize(self._crew.concurrency + _count(arguments))
        return {"ok": "pool will grow"}

    def _pool_shrink(self, arguments: Arguments) -> Reply:
        self._resize(self._crew.concurrency - _count(arguments))
        return {"ok": "pool will shrink"}

    def _pool_restart(self, _: Arguments) -> Reply:
        self._crew.restart()
        log.info("told to restart its processes")
        return {"ok": "pool will restart"}

    def _shutdown(self, _: Arguments) -> Reply:
        self._leaving = True
        return {"ok": "worker will stop"}

    def _known(self, arguments: Arguments) -> None:
        task = arguments.get("task_name")
        if task not in self._hello["tasks"]:
            raise Refusal(f"unknown task {task!r}: it is not registered here")

    def _serve(self, queues: list[str]) -> None:
        self._queues = queues
        self._adapted = True
        self._listener.serve_queues(queues)
        self._pump.serve(queues)
        log.info("told to serve %s", ", ".join(queues) or "no queue")

    def _resize(self, concurrency: int) -> None:
        if not 1 <= concurrency <= MOST:
            raise Refusal(
                f"{self._crew.concurrency} slots cannot become {concurrency}: a worker has 1 to "
                f"{MOST:,}; to have it run nothing, use cancel_consumer or shutdown"
            )
        self._crew.resize(concurrency)
        self._adapted = True
        log.info("told to have %d slots, in %d processes", concurrency, self._crew.processes)


def _count(arguments: Arguments) -> int:
    number = arguments.get("n", 1)
    if not isinstance(number, int) or isinstance(number, bool) or number < 1:
        raise Refusal(f"n={number!r}: give how many slots, 1 or more")
    return number


def _usage() -> dict[str, float]:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return {
        name.removeprefix("ru_"): getattr(usage, name)
        for name in dir(usage)
        if name.startswith("ru_")
    }
