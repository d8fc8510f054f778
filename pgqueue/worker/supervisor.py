"""The supervisor: claims jobs, hands them to children, writes down how they end.

It runs no user code and never decodes a payload, so nothing that a task does can stop its
heartbeat. Everything happens on one event loop; `_pump` is the heart.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import signal
import socket
from collections import Counter
from dataclasses import dataclass
from typing import Any

import psycopg

from pgqueue import __version__, migrate, operations
from pgqueue.config import hide_password
from pgqueue.errors import ConfigurationError, PgQueueError
from pgqueue.operations import ClaimedJob, Released
from pgqueue.worker import claims, duties, frames
from pgqueue.worker.children import Child, ChildOptions
from pgqueue.worker.control import Control, Disconnected, Runner, first_line
from pgqueue.worker.frames import Record
from pgqueue.worker.reports import STATES, Batch
from pgqueue.worker.wakeup import Listener

log = logging.getLogger("pgqueue.worker")

HEARTBEAT, LEASE = 5.0, 30.0
#: A child that has reported nothing for this long gives back what it has not begun.
HOARDING = 0.1
SUMMARY = 10.0
MAX_ACTIVE = 100


@dataclass(frozen=True, slots=True)
class WorkerOptions:
    """What a worker is started with; times are seconds. No queues means those of its tasks."""

    app: str
    name: str
    processes: int
    concurrency: int
    queues: tuple[str, ...] = ()
    grace: float = 25.0
    log_level: str = "info"
    log_format: str = "human"

    def slots(self, child: int) -> int:
        """Return how many of the slots the child of this number has."""
        return self.concurrency // self.processes + (child < self.concurrency % self.processes)


class Supervisor:
    """One worker, from its first connection to its last."""

    def __init__(self, options: WorkerOptions) -> None:
        self.options = options
        self._children: list[Child] = []
        self._batch = Batch()
        self._counts: Counter[str] = Counter()
        self._schedule = claims.Schedule()
        self._pace = claims.Pace()
        self._work = asyncio.Event()
        self._beat = asyncio.Event()
        self._stopping = asyncio.Event()
        self._hello: asyncio.Future[dict[str, Any]] | None = None
        self._deadline: float | None = None
        self._starts: Counter[int] = Counter()

    # ── life ─────────────────────────────────────────────────────────────────────────────────

    async def run(self) -> None:
        """Work until told to stop; raises `ConfigurationError` if it cannot begin."""
        loop = asyncio.get_running_loop()
        self._hello = loop.create_future()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._asked_to_stop)
        try:
            for number in range(self.options.processes):
                self._children.append(await self._start_child(number))
            await self._connect(await self._hello)
            await self._serve()
        finally:
            for child in self._children:
                child.kill()

    async def _connect(self, hello: dict[str, Any]) -> None:
        self._tasks: list[str] = hello["tasks"]
        self._queues = list(self.options.queues or hello["queues"] or ["default"])
        if not self._tasks:
            raise ConfigurationError(
                f"-A {self.options.app}: no task is registered; is the module with the tasks "
                "imported, or named in PgQueue(include=[…])?"
            )
        self._cursors = claims.Cursors(self._queues)
        self._control = Control(hello["dsn"], hello["schema"], f"pgqueue {self.options.name}")
        try:
            await self._control.connect()
        except psycopg.OperationalError as error:
            raise ConfigurationError(
                f"no connection to {hide_password(hello['dsn']) or 'PostgreSQL'}: {first_line(error)}"
            ) from error
        try:
            files = await self._control.run(operations.schema_files())
        except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName):
            files = []
        migrate.check(files, hello["schema"])
        await self._register()
        self._control.on_reconnect = self._mend
        self._listener = Listener(
            hello["listen_dsn"] or hello["dsn"],
            hello["schema"],
            self._queues,
            self._on_jobs,
            self._beat.set,
            self._notify_self,
        )
        log.info(
            "worker %s is ready: %d tasks from queues %s, %d slots in %d processes, %s",
            self.options.name,
            len(self._tasks),
            ", ".join(self._queues),
            self.options.concurrency,
            self.options.processes,
            hide_password(hello["dsn"]) or "PostgreSQL by libpq's variables",
        )

    async def _serve(self) -> None:
        loops = [self._heartbeats(), self._summaries(), self._listener.serve(), self._watch_hoards()]
        loops += [self._do(duty) for duty in duties.DUTIES]
        background = [asyncio.create_task(each) for each in loops]
        pump = asyncio.create_task(self._pump())
        done, _ = await asyncio.wait([pump, *background], return_when=asyncio.FIRST_COMPLETED)
        for task in background:
            task.cancel()
        await asyncio.gather(*background, return_exceptions=True)
        for task in done:
            if not task.cancelled() and task.exception():
                pump.cancel()
                raise task.exception()  # type: ignore[misc]  # (it is an exception here)
        await self._stop()

    async def _stop(self) -> None:
        for child in self._children:
            child.quit()
        with contextlib.suppress(Disconnected, psycopg.Error, TimeoutError):
            await asyncio.wait_for(self._control.run(operations.stop(self._worker_id)), 5)
        await self._listener.close()
        await self._control.close()
        while self._children and not self._overdue(asyncio.get_running_loop().time()):
            await asyncio.sleep(0.01)
        log.info("worker %s stopped: %s", self.options.name, self._summary() or "it had no jobs")

    def _asked_to_stop(self) -> None:
        now = asyncio.get_running_loop().time()
        if self._stopping.is_set():
            log.warning("stopping at once: running jobs are given back")
            self._deadline = now
        else:
            self._deadline = now + self.options.grace
            running = sum(len(child.jobs) for child in self._children)
            log.info(
                "stopping: no new claims, %d jobs have %g s to end; a second signal stops at once",
                running,
                self.options.grace,
            )
            self._stopping.set()
            for child in self._children:
                child.recall()
        if self._hello and not self._hello.done():
            self._hello.set_exception(ConfigurationError("stopped before it was ready"))
        self._work.set()

    def _overdue(self, now: float) -> bool:
        return self._deadline is not None and now >= self._deadline

    # ── the heart ────────────────────────────────────────────────────────────────────────────

    async def _pump(self) -> None:
        """Write down what children report and claim what they have room for, in one round trip."""
        loop = asyncio.get_running_loop()
        while True:
            self._work.clear()
            now = loop.time()
            want = self._wanted(now)
            if self._batch or (want and self._schedule.due(now)):
                await self._turn(want)
            elif self._stopping.is_set():
                if not any(child.jobs for child in self._children):
                    return
                if self._overdue(now):
                    self._give_up()
                else:
                    await self._wait(self._deadline - now if self._deadline else None)
            else:
                await self._rest(want, now)

    async def _turn(self, want: int) -> None:
        loop = asyncio.get_running_loop()
        batch, self._batch = self._batch, Batch()
        queries = batch.queries()
        writes = len(queries)
        began = loop.time()
        sweeps = self._schedule.sweeps(began)
        if want:
            lanes = self._cursors.lanes(sweep=sweeps)
            queries.append(operations.claim(self._worker_id, lanes, self._tasks, want))
            if self._schedule.sleepy:
                queries.append(operations.next_due(lanes, self._tasks))
        try:
            results = await self._control.run_all(queries)
        except Disconnected:
            batch.resent = True
            batch.merge(self._batch)
            self._batch = batch
            return
        except psycopg.OperationalError as error:  # a lock, a deadlock, a time-out: try again
            log.warning("writing down %d jobs will be tried again: %s", len(batch), first_line(error))
            batch.merge(self._batch)
            self._batch = batch
            await asyncio.sleep(0.1)
            return
        except psycopg.Error as error:
            await self._isolate(batch, error)
            return
        now = loop.time()
        self._note(batch, results[:writes], now)
        if want:
            self._take(results[writes], want, sweeps, now - began, now)
            if len(results) > writes + 1 and results[writes + 1] is not None:
                self._schedule.due_within(results[writes + 1], now)

    def _take(
        self, jobs: list[ClaimedJob], want: int, swept: bool, took: float, now: float
    ) -> None:
        self._schedule.looked(found=len(jobs), limit=want, swept=swept, took=took, now=now)
        if not jobs:
            return
        self._cursors.advance(jobs)
        self._rising = asyncio.ensure_future(self._listener.get_up())
        if self._stopping.is_set():
            self._batch.released += [Released(job.id, job.claim) for job in jobs]
        else:
            self._hand_out(jobs, now)

    def _hand_out(self, jobs: list[ClaimedJob], now: float) -> None:
        """Give jobs to children, each its share, the emptiest first."""
        ready = sorted(
            (child for child in self._children if child.ready and not child.quitting),
            key=lambda child: len(child.jobs) / child.slots,
        )
        if not ready:
            self._batch.released += [Released(job.id, job.claim) for job in jobs]
            return
        total = (sum(len(child.jobs) for child in ready) + len(jobs)) / sum(c.slots for c in ready)
        start = 0
        for child in ready:
            share = max(0, round(total * child.slots) - len(child.jobs))
            share = len(jobs) - start if child is ready[-1] else min(share, len(jobs) - start)
            if share:
                child.send(jobs[start : start + share], now)
                start += share

    async def _rest(self, want: int, now: float) -> None:
        if not want:
            await self._wait(None)
            return
        if self._schedule.sleepy and await self._listener.lie_down():
            self._schedule.wake()  # whoever looked before the lock was ours did not notify
            return
        await self._wait(self._schedule.pause(now))

    async def _wait(self, timeout: float | None) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._work.wait(), timeout)

    def _wanted(self, now: float) -> int:
        if self._stopping.is_set():
            return 0
        slots = sum(c.slots for c in self._children if c.ready and not c.quitting)
        in_hand = sum(len(child.jobs) for child in self._children)
        return claims.wanted(slots, in_hand, self._pace.per_second(now)) if slots else 0

    # ── outcomes ─────────────────────────────────────────────────────────────────────────────

    def _on_outcomes(self, child: Child, records: list[Record]) -> None:
        for record in records:
            code, id_ = record[0], record[1]
            held = child.jobs.pop(id_, None)
            if held is None:
                continue
            if code == frames.UNSTARTED and self._hand_over(child, held[0]):
                continue
            self._batch.add(record)
            self._say(code, held[0], record)
        self._pace.add(len(records), child.heard_at)
        self._work.set()

    def _hand_over(self, child: Child, job: ClaimedJob) -> bool:
        """Give a job that one child has no slot for to another that has; False if none has."""
        if self._stopping.is_set():
            return False
        for other in self._children:
            if other is not child and other.ready and len(other.jobs) < other.slots:
                other.send([job], asyncio.get_running_loop().time())
                return True
        return False

    def _say(self, code: str, job: ClaimedJob, record: Record) -> None:
        about = {"job": job.id, "task": job.task, "queue": job.queue, "attempt": job.attempt}
        if code in (frames.FAILED, frames.RETRIED):
            level = logging.ERROR if code == frames.FAILED else logging.WARNING
            error = record[3] if code == frames.FAILED else record[4]
            what = "failed" if code == frames.FAILED else f"will be retried in {float(record[3]):g} s"
            log.log(
                level, "%s[%s] %s at attempt %d: %s", job.task, job.id, what, job.attempt, error,
                extra={"about": {**about, "error": error}},
            )  # fmt: skip
        elif code == frames.STALE:
            self._counts["stale"] += 1
            log.warning(
                "%s[%s]: claim %d is stale, its transaction was rolled back", job.task, job.id, job.claim,
                extra={"about": about},
            )  # fmt: skip
        elif code == frames.DONE:
            self._counts["succeeded"] += 1
        if log.isEnabledFor(logging.DEBUG):
            log.debug("%s[%s] ended: %s", job.task, job.id, code, extra={"about": about})

    def _note(self, batch: Batch, results: list[Any], now: float) -> None:
        """Count what has been written down, and say what the fence refused."""
        del now
        if not batch:
            return
        stale = batch.stale(results)
        for finished in batch.finished:
            self._counts[finished.state] += finished.id not in stale
        self._counts["retried"] += len(batch.retried)
        self._counts["released"] += len(batch.released)
        if stale and not batch.resent:
            self._counts["stale"] += len(stale)
            log.warning(
                "%d outcomes were refused, because their jobs had been taken over: %s",
                len(stale),
                ", ".join(sorted(stale)[:5]),
            )

    async def _isolate(self, batch: Batch, error: psycopg.Error) -> None:
        """Write a refused batch down job by job, so that one job's value harms only that job."""
        log.error("PostgreSQL refused a batch of %d jobs: %s", len(batch), first_line(error))
        if not batch:
            await asyncio.sleep(1)
            return
        for part in batch.singly():
            for attempt in (part, part.refused_by(error)):
                try:
                    results = await self._control.run_all(attempt.queries())
                except Disconnected:
                    part.resent = True
                    self._batch.merge(part)
                    break
                except psycopg.Error as refusal:
                    log.error("job %s: %s", ", ".join(part.ids()), first_line(refusal))  # noqa: TRY400
                else:
                    self._note(attempt, results, 0.0)
                    break

    def _give_up(self) -> None:
        """Kill what has not ended in time and give its jobs back uncharged."""
        for child in self._children:
            if child.jobs:
                child.kill()
                begun, waiting = child.begun_and_waiting()
                self._batch.released += [Released(j.id, j.claim) for j in [*begun, *waiting]]
                child.jobs.clear()

    # ── children ─────────────────────────────────────────────────────────────────────────────

    async def _start_child(self, number: int) -> Child:
        o = self.options
        options = ChildOptions(
            o.app, o.slots(number), f"{o.name}/{number + 1}", o.log_level, o.log_format
        )
        child = Child(
            options, self._on_hello, self._on_outcomes, lambda gone: self._on_gone(gone, number)
        )
        self._starts[number] += 1
        await child.start()
        return child

    def _on_hello(self, child: Child, hello: dict[str, Any]) -> None:
        assert self._hello
        if not self._hello.done():
            self._hello.set_result(hello)
        log.debug("process %s (pid %d) is ready", child.options.name, child.pid)
        if self._stopping.is_set():
            child.quit()
        self._schedule.wake()
        self._work.set()

    def _on_gone(self, child: Child, number: int) -> None:
        """Charge the jobs that a dead child had begun, release the others, start another child."""
        assert self._hello
        self._children.remove(child)
        cause = child.cause_of_death()
        begun, waiting = child.begun_and_waiting()
        if begun:
            error = f"WorkerLost: the process that ran it was {cause}"
            self._batch.crashed.setdefault(error, []).extend(Released(j.id, j.claim) for j in begun)
            self._batch.released += [Released(j.id, j.claim) for j in waiting]
        self._work.set()
        if child.broken and not self._hello.done():
            self._hello.set_exception(
                ConfigurationError(f"-A {self.options.app} cannot be loaded:\n{child.broken.rstrip()}")
            )
        elif not self._hello.done():
            self._hello.set_exception(PgQueueError(f"a process {cause} before it was ready"))
        elif not self._stopping.is_set():
            log.error("process %s (pid %d) %s", child.options.name, child.pid, cause)
            # One that cannot even start must not be started in a tight circle.
            delay = 0.0 if child.ready else 1.0
            asyncio.get_running_loop().call_later(delay, self._replace, number)

    def _replace(self, number: int) -> None:
        async def replace() -> None:
            self._children.append(await self._start_child(number))

        if not self._stopping.is_set():
            self._replacing = asyncio.ensure_future(replace())

    async def _watch_hoards(self) -> None:
        """Have jobs back from children that have not begun them for a while."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(HOARDING)
            for child in self._children:
                if child.unstarted and loop.time() - child.heard_at > HOARDING:
                    child.recall()

    # ── liveness ─────────────────────────────────────────────────────────────────────────────

    async def _register(self) -> None:
        o = self.options
        worker = {
            "name": o.name,
            "hostname": socket.gethostname(),
            "pid": os.getpid(),
            "version": __version__,
            "queues": self._queues,
            "tasks": self._tasks,
            "processes": o.processes,
            "concurrency": o.concurrency,
        }
        self._worker_row = worker
        self._worker_id: int = await self._control.run(operations.register(worker, LEASE))

    async def _heartbeats(self) -> None:
        while True:
            try:
                async with self._control.transaction() as run:
                    await self._say_alive(run)
            except (Disconnected, psycopg.Error) as error:
                log.debug("a heartbeat did not get through: %s", first_line(error))
                await asyncio.sleep(0.2)
                continue
            self._beat.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._beat.wait(), HEARTBEAT)

    async def _say_alive(self, run: Runner) -> None:
        alive = await run(
            operations.heartbeat(self._worker_id, LEASE, json.dumps(self._stats()), self._active())
        )
        if not alive:
            log.error(
                "worker %d let its lease of %g s go by and was declared lost: its jobs run "
                "elsewhere; registering anew",
                self._worker_id,
                LEASE,
            )
            self._worker_id = await run(operations.register(self._worker_row, LEASE))

    async def _mend(self, run: Runner) -> None:
        """Put right what a broken connection may have left: claims that nobody heard of."""
        await self._say_alive(run)
        known = self._batch.ids()
        for child in self._children:
            known.update(child.jobs)
        lost = await run(operations.reconcile(self._worker_id, known))
        if lost:
            log.info("released %d jobs whose claim was answered into a broken connection", len(lost))
        self._schedule.wake()

    def _stats(self) -> dict[str, Any]:
        pids = [child.pid for child in self._children]
        return {**{state: self._counts[state] for state in STATES.values()}, **self._counts, "pids": pids}

    def _active(self) -> str:
        now = asyncio.get_running_loop().time()
        active = [
            {"id": job.id, "task": job.task, "queue": job.queue, "attempt": job.attempt,
             "seconds": round(now - since, 3), "pid": child.pid}
            for child in self._children
            for job, since in list(child.jobs.values())[: child.slots]
        ]  # fmt: skip
        return json.dumps(active[:MAX_ACTIVE])

    # ── other loops ──────────────────────────────────────────────────────────────────────────

    async def _do(self, duty: duties.Duty) -> None:
        while True:
            try:
                await duties.perform(duty, self._control)
            except (Disconnected, psycopg.OperationalError) as error:
                log.debug("duty %s comes later: %s", duty.name, first_line(error))
            except psycopg.Error as error:
                log.warning("duty %s: %s", duty.name, first_line(error))
            await asyncio.sleep(duty.interval)

    def _on_jobs(self) -> None:
        self._schedule.wake()
        self._work.set()

    async def _notify_self(self) -> None:
        await self._control.run(operations.ping())

    def _summary(self) -> str:
        names = ("succeeded", "failed", "retried", "cancelled", "stale")
        return ", ".join(f"{self._counts[name]:,} {name}" for name in names if self._counts[name])

    async def _summaries(self) -> None:
        before = self._summary()
        while True:
            await asyncio.sleep(SUMMARY)
            if (now := self._summary()) != before:
                log.info("so far: %s", now)
                before = now
