"""What operators tell running workers, and jobs that are not over: `app.control`.

A command is a row per worker, and a notification on which they look: so it reaches one that is busy
or cut off for a moment. What is said of jobs and tasks is in tables of its own, and outlives every
worker.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Iterable
from signal import Signals
from typing import Any, Unpack
from uuid import UUID

from pgqueue import operations
from pgqueue.broadcasts import (
    Asked,
    Broadcast,
    Replies,
    addressed,
    broadcast_of,
    pauses,
    replies,
)
from pgqueue.errors import InvalidOption
from pgqueue.identifiers import job_id
from pgqueue.inspection import Inspect
from pgqueue.limits import checked_limits
from pgqueue.options import checked_name
from pgqueue.query import Database, Query
from pgqueue.rows import WorkerRow

#: How many jobs are cancelled in one transaction.
BATCH = 1000

ENDING = ("SIGTERM", "SIGKILL", "SIGINT", "SIGQUIT", "SIGHUP", "SIGABRT")

Ids = UUID | str | Iterable[UUID | str]


class Control:
    """Tells workers what to do, by Celery's names; `app.control`.

    What waits for nobody has an async twin with the prefix `a`; of the others use
    `asyncio.to_thread`.

    >>> from pgqueue import PgQueue
    >>> app = PgQueue("shop")
    >>> app.control.revoke([])
    {}
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    # ── jobs ─────────────────────────────────────────────────────────────────────────────────

    def revoke(
        self,
        task_id: Ids,
        destination: object = None,
        terminate: bool = False,
        signal: str | Signals = "SIGTERM",
    ) -> dict[str, str]:
        """Cancel a job, or several by their ids; returns each known id with the state it has now.

        One that waits is `cancelled` at once. One that is `running` will not be tried again, and if
        it is a coroutine, it is cancelled where it waits; a `def` goes on to its end, unless with
        `terminate` its process is killed. What ran beside it there runs again, uncharged: give
        tasks that you mean to terminate a `time_limit`, with which they run alone. `signal`
        SIGKILL does that at once; others (SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGABRT) leave a
        coroutine one second to clean up. All of it is in the database, and so holds for every
        worker, also after a restart. `destination` is Celery's, and is not needed: whoever has the
        job is told. Raises `InvalidOption` for what is no id, or no such signal.
        """
        del destination
        ids = _ids(task_id)
        if not ids:
            return {}
        return self._database.run(_ending(ids, signal if terminate else None))

    async def arevoke(
        self,
        task_id: Ids,
        destination: object = None,
        terminate: bool = False,
        signal: str | Signals = "SIGTERM",
    ) -> dict[str, str]:
        """Cancel jobs like `revoke`, from a coroutine."""
        del destination
        ids = _ids(task_id)
        if not ids:
            return {}
        return await self._database.arun(_ending(ids, signal if terminate else None))

    def terminate(
        self, task_id: Ids, destination: object = None, signal: str | Signals = "SIGTERM"
    ) -> dict[str, str]:
        """Cancel jobs and kill the process of those that run: `revoke(…, terminate=True)`."""
        return self.revoke(task_id, destination, terminate=True, signal=signal)

    async def aterminate(
        self, task_id: Ids, destination: object = None, signal: str | Signals = "SIGTERM"
    ) -> dict[str, str]:
        """Terminate jobs, from a coroutine."""
        return await self.arevoke(task_id, destination, terminate=True, signal=signal)

    def purge(self) -> int:
        """Cancel every job that waits in any queue, scheduled ones too; returns how many.

        They are kept as cancelled, and `pgqueue.retry` or `pgq jobs retry` brings them back.
        """
        total = 0
        for queue in self._database.run(operations.queues()):
            number = BATCH
            while number == BATCH:
                number = self._database.run(operations.purge(queue.queue, BATCH))
                total += number
        return total

    # ── tasks ────────────────────────────────────────────────────────────────────────────────

    def time_limit(
        self,
        task_name: str,
        soft: float | None = None,
        hard: float | None = None,
        **asked: Unpack[Asked],
    ) -> Replies | None:
        """Set how long runs of a task may take that begin from now on, in seconds.

        In place of what the task declares, for all workers and those that will be started: None is
        as if it declared nothing. A limit in a call stays. Kept in `pgqueue.task_settings`; a row
        that is deleted there brings the declared limits back.
        """
        limits = checked_limits(hard, soft)
        task = checked_name("task_name", task_name)
        _for_all("time_limit", asked)
        self._database.run(operations.set_time_limit(task, *limits))
        arguments = {"task_name": task, "hard": limits[0], "soft": limits[1]}
        return self.broadcast("time_limit", arguments, **asked)

    def rate_limit(
        self, task_name: str, rate_limit: str | float | None, **asked: Unpack[Asked]
    ) -> Replies | None:
        """Keep how often a task may run: `"10/m"`, `"100/h"`, `"5/s"`, a number per second, None.

        Kept in `pgqueue.task_settings` for all workers, in place of what the task declares.
        """
        rate = _checked_rate(rate_limit)
        task = checked_name("task_name", task_name)
        _for_all("rate_limit", asked)
        self._database.run(operations.set_rate_limit(task, rate))
        return self.broadcast("rate_limit", {"task_name": task, "rate_limit": rate}, **asked)

    # ── workers ──────────────────────────────────────────────────────────────────────────────

    def inspect(
        self,
        destination: str | Iterable[str] | None = None,
        timeout: float = 1.0,
        *,
        limit: int | None = None,
        pattern: str | None = None,
        matcher: str | None = None,
    ) -> Inspect:
        """Return questions to the workers; see `Inspect`. Parameters as in `broadcast`."""
        names = destination if isinstance(destination, str | None) else list(destination)
        asked: Asked = {
            "destination": names,
            "timeout": timeout,
            "limit": limit,
            "pattern": pattern,
            "matcher": matcher,
        }

        def living() -> list[WorkerRow]:
            return [worker for worker in self._addressed(asked) if worker.alive]

        return Inspect(self._database, living, lambda command: self._ask(command, {}, asked))

    def ping(self, destination: str | Iterable[str] | None = None, timeout: float = 1.0) -> Replies:
        """Ask who is there; returns `[{name: {"ok": "pong"}}, …]` of those that answer in time."""
        return self.broadcast("ping", destination=destination, timeout=timeout, reply=True) or []

    def add_consumer(self, queue: str, **asked: Unpack[Asked]) -> Replies | None:
        """Have workers serve one more queue, until they stop."""
        arguments = {"queue": checked_name("queue", queue)}
        return self.broadcast("add_consumer", arguments, **asked)

    def cancel_consumer(self, queue: str, **asked: Unpack[Asked]) -> Replies | None:
        """Have workers claim no more from a queue; what they have of it they finish."""
        arguments = {"queue": checked_name("queue", queue)}
        return self.broadcast("cancel_consumer", arguments, **asked)

    def pool_grow(self, n: int = 1, **asked: Unpack[Asked]) -> Replies | None:
        """Have workers run so many jobs more at once, in further processes."""
        return self.broadcast("pool_grow", {"n": _checked_count(n)}, **asked)

    def pool_shrink(self, n: int = 1, **asked: Unpack[Asked]) -> Replies | None:
        """Have workers run so many jobs fewer at once; none that runs is ended for that."""
        return self.broadcast("pool_shrink", {"n": _checked_count(n)}, **asked)

    def pool_restart(self, **asked: Unpack[Asked]) -> Replies | None:
        """Have workers replace each of their processes, which ends what it runs before it leaves.

        The new ones import the application anew.
        """
        return self.broadcast("pool_restart", **asked)

    def shutdown(
        self,
        destination: str | Iterable[str] | None = None,
        *,
        pattern: str | None = None,
        reply: bool = False,
        timeout: float = 1.0,
    ) -> Replies | None:
        """Stop workers as SIGTERM does: no new claims, running jobs have the worker's grace."""
        return self.broadcast(
            "shutdown", destination=destination, pattern=pattern, reply=reply, timeout=timeout
        )

    def broadcast(
        self, command: str, arguments: dict[str, Any] | None = None, **asked: Unpack[Asked]
    ) -> Replies | None:
        """Tell workers something; returns `[{name: answer}, …]` if `reply`, else None.

        Returns as soon as every worker has answered whose lease is not over. A worker that does not
        know the command answers `{"error": …}`.
        """
        if not asked.get("reply"):
            self._database.run(self._broadcast(command, arguments, asked).told())
            return None
        return replies(self._ask(command, arguments, asked))

    async def abroadcast(
        self, command: str, arguments: dict[str, Any] | None = None, **asked: Unpack[Asked]
    ) -> Replies | None:
        """Tell workers something, from a coroutine."""
        workers = addressed(await self._database.arun(operations.workers()), asked)
        broadcast = broadcast_of(command, arguments, workers, asked)
        await self._database.arun(broadcast.told())
        if not asked.get("reply"):
            return None
        answers: dict[int, str | None] = {}
        for pause in pauses(asked):
            answers = await self._database.arun(operations.answers(broadcast.id))
            if broadcast.is_over(answers):
                break
            await asyncio.sleep(pause)
        return replies(broadcast.read(answers))

    def _ask(
        self, command: str, arguments: dict[str, Any] | None, asked: Asked
    ) -> list[tuple[WorkerRow, Any]]:
        """Return the living workers that were asked, each with its answer; None: it gave none."""
        broadcast = self._broadcast(command, arguments, asked)
        self._database.run(broadcast.told())
        answers: dict[int, str | None] = {}
        for pause in pauses(asked):
            answers = self._database.run(operations.answers(broadcast.id))
            if broadcast.is_over(answers):
                break
            time.sleep(pause)
        said = broadcast.read(answers)
        return [(worker, answer) for worker, answer in said if worker.alive or answer is not None]

    def _broadcast(self, command: str, arguments: dict[str, Any] | None, asked: Asked) -> Broadcast:
        return broadcast_of(command, arguments, self._addressed(asked), asked)

    def _addressed(self, asked: Asked) -> list[WorkerRow]:
        return addressed(self._database.run(operations.workers()), asked)


# ── pure ─────────────────────────────────────────────────────────────────────────────────────


def _ids(given: Ids) -> list[str]:
    ids = [given] if isinstance(given, (str, UUID)) else given
    return [str(job_id(each)) for each in ids]


def _ending(ids: list[str], signal: str | Signals | None) -> Query[dict[str, str]]:
    if signal is None:
        return operations.cancel(ids)
    return operations.terminate(ids, _checked_signal(signal))


def _checked_signal(given: object) -> str:
    name = given.name if isinstance(given, Signals) else str(given).upper()
    name = name if name.startswith("SIG") else f"SIG{name}"
    if name not in ENDING:
        raise InvalidOption(
            f"signal={given!r}: a run is ended by killing its process; give one of "
            f"{', '.join(ENDING)}. To have an exception raised in the task, give it a "
            "soft_time_limit"
        )
    return name


def _checked_rate(given: str | float | None) -> str | None:
    """Return a rate as it is kept.

    >>> _checked_rate("10/m"), _checked_rate(5), _checked_rate(0)
    ('10/m', '5/s', None)
    """
    if isinstance(given, (int, float)) and not isinstance(given, bool) and given >= 0:
        return f"{given:g}/s" if given else None
    if isinstance(given, str) and re.fullmatch(r"\d+(\.\d+)?(/[smh])?", given):
        number, _, per = given.partition("/")
        return f"{number}/{per or 's'}" if float(number) else None
    if given is None:
        return None
    raise InvalidOption(
        f"rate_limit={given!r}: give a number per second, or '10/s', '10/m' or '10/h'; None: none"
    )


def _checked_count(n: object) -> int:
    if isinstance(n, int) and not isinstance(n, bool) and n > 0:
        return n
    raise InvalidOption(f"n={n!r}: give how many jobs more or fewer at once, 1 or more")


def _for_all(name: str, asked: Asked) -> None:
    if asked.get("destination") is not None or asked.get("pattern") is not None:
        raise InvalidOption(
            f"{name} is kept in the database, for all workers: leave destination and pattern out"
        )
