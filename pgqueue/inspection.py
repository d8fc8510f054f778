"""What the workers have and do, in Celery's shapes: `app.control.inspect()`.

What stands in tables is read from tables, so that it is right whatever the workers are doing; what
only a worker knows it is asked for.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol
from uuid import UUID

from pgqueue import operations
from pgqueue.codec import decode
from pgqueue.errors import InvalidPayload
from pgqueue.identifiers import job_id
from pgqueue.query import Database
from pgqueue.rows import HeldJob, WorkerRow

#: How many jobs a list holds at most that could be as long as a queue.
MOST = 1000

Nodes = dict[str, Any]


class Asker(Protocol):
    """Puts a question to workers."""

    def __call__(self, command: str) -> list[tuple[WorkerRow, Any]]:
        """Return the workers that were asked, each with its answer; None: it gave none."""
        ...


class Inspect:
    """Questions to the workers; each returns `{name of the worker: what it says}`.

    None if no worker runs that is asked, as in Celery. Made by `app.control.inspect()`.

    >>> from pgqueue import PgQueue
    >>> app = PgQueue("shop")
    >>> inspect = app.control.inspect(timeout=2.0)      # asks when it is asked something
    """

    def __init__(
        self, database: Database, workers: Callable[[], list[WorkerRow]], ask: Asker
    ) -> None:
        self._database = database
        self._workers = workers
        self._ask = ask

    # ── what jobs there are ──────────────────────────────────────────────────────────────────

    def active(self) -> Nodes | None:
        """Return the jobs that run now, each as a dict of Celery's fields.

        `id, name, args, kwargs, type, hostname, time_start` (seconds since 1970), `acknowledged`,
        `delivery_info` and `worker_pid`. Of a worker that does not answer in time, all that the
        table says it runs, without the `worker_pid`.
        """
        return self._held("active")

    def reserved(self) -> Nodes | None:
        """Return the jobs that workers have claimed and not begun, in the same shape."""
        return self._held("reserved")

    def scheduled(self) -> Nodes | None:
        """Return the jobs whose time has not come: `{"eta", "priority", "request"}`, soonest first.

        They are in the database, not in workers: each is listed once, under the first worker that
        could run it; the 1,000 that are due next.
        """
        workers = self._workers()
        queues = {queue for worker in workers for queue in worker.queues}
        jobs = self._database.run(operations.scheduled(sorted(queues), MOST))
        nodes: Nodes = {name: [] for name in _names(workers).values()}
        names = _names(workers)
        for job in jobs:
            able = [w for w in workers if job.queue in w.queues and job.task in w.tasks]
            if able:
                eta, priority = job.run_at.isoformat(), job.priority
                request = _about(job, names[able[0].id])
                nodes[names[able[0].id]].append(
                    {"eta": eta, "priority": priority, "request": request}
                )
        return nodes or None

    def query_task(self, *ids: UUID | str | Sequence[UUID | str]) -> Nodes | None:
        """Return `{id: ["active" | "reserved", job]}` of those of these jobs that workers have."""
        flat: list[object] = []
        for each in ids:
            flat += [each] if isinstance(each, (str, UUID)) else each
        wanted = {str(job_id(each)) for each in flat}
        asked = self._ask("hands")
        nodes: Nodes = {name: {} for name in _names(worker for worker, _ in asked).values()}
        for state in ("active", "reserved"):
            for name, jobs in self._placed(asked, state, wanted).items():
                nodes[name] |= {job["id"]: [state, job] for job in jobs}
        return nodes or None

    def revoked(self) -> Nodes | None:
        """Return the ids of jobs that were revoked, newest first, the same for every worker.

        The newest 1,000 that have ended so, and those that still run.
        """
        workers = self._workers()
        running = [job["id"] for worker in workers for job in worker.active]
        ids = self._database.run(operations.revoked(running, MOST))
        return {name: list(ids) for name in _names(workers).values()} or None

    def _held(self, state: str) -> Nodes | None:
        return self._placed(self._ask("hands"), state) or None

    def _placed(
        self, asked: list[tuple[WorkerRow, Any]], state: str, wanted: set[str] | None = None
    ) -> Nodes:
        """Return the jobs in this state by worker: as the workers say, else as the table does."""
        names = _names(worker for worker, _ in asked)
        held = {
            (id_, claim): pid[0] if pid else None
            for _, hands in asked
            if hands
            for id_, claim, *pid in hands[state]
        }
        silent = [worker.id for worker, hands in asked if hands is None]
        rows: list[HeldJob] = []
        if ids := {id_ for id_, _ in held if wanted is None or id_ in wanted}:
            rows += self._database.run(operations.running(ids))
        if silent and state == "active":
            rows += self._database.run(operations.running_of(silent))
        by_worker: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for row in rows:
            known = (row.id, row.claim) in held or row.worker_id in silent
            name = names.get(row.worker_id or 0)
            if name is not None and known and (wanted is None or row.id in wanted):
                pid = held.get((row.id, row.claim))
                begun = row.started_at if state == "active" else None
                by_worker[name].append(
                    _about(row, name)
                    | {"time_start": begun.timestamp() if begun else None, "worker_pid": pid}
                )
        return {name: by_worker[name] for name in names.values()}

    # ── what workers are ─────────────────────────────────────────────────────────────────────

    def ping(self) -> Nodes | None:
        """Return `{"ok": "pong"}` of every worker that answers in time."""
        return self._answers("ping")

    def stats(self) -> Nodes | None:
        """Return counts and sizes: `total` (jobs begun, by task), `pid`, `uptime`, `pool` and more.

        `pool` has `max-concurrency`, `processes` (their ids) and what the worker was started with.
        """
        return self._answers("stats")

    def report(self) -> Nodes | None:
        """Return `{"ok": text}`: the worker's versions, database, queues and tasks, for people."""
        return self._answers("report")

    def conf(self) -> Nodes | None:
        """Return what each worker goes by: Celery's names of settings where it has them."""
        return self._answers("conf")

    def registered(self) -> Nodes | None:
        """Return the names of the tasks that each worker knows."""
        return self._read(lambda worker: list(worker.tasks))

    def registered_tasks(self) -> Nodes | None:
        """Return the names of the tasks that each worker knows: Celery's other name for it."""
        return self.registered()

    def active_queues(self) -> Nodes | None:
        """Return the queues that each worker serves, as dicts with a `name`."""
        return self._read(lambda worker: [_queue(name) for name in worker.queues])

    def _answers(self, command: str) -> Nodes | None:
        asked = self._ask(command)
        names = _names(worker for worker, _ in asked)
        return {names[w.id]: answer for w, answer in asked if answer is not None} or None

    def _read(self, of: Callable[[WorkerRow], Any]) -> Nodes | None:
        workers = self._workers()
        names = _names(workers)
        return {names[worker.id]: of(worker) for worker in workers} or None


def node_names(workers: Iterable[WorkerRow]) -> Mapping[int, str]:
    """Return the name of each worker by its id; two of one name are told apart by their ids."""
    names: dict[int, str] = {}
    for worker in workers:
        taken = worker.name in names.values()
        names[worker.id] = f"{worker.name} (id {worker.id})" if taken else worker.name
    return names


_names = node_names


def _about(job: HeldJob, hostname: str) -> dict[str, Any]:
    return {
        "id": job.id,
        "name": job.task,
        "args": _read(job.args),
        "kwargs": _read(job.kwargs),
        "type": job.task,
        "hostname": hostname,
        "time_start": None,
        "acknowledged": False,
        "delivery_info": {
            "exchange": "",
            "routing_key": job.queue,
            "priority": job.priority,
            "redelivered": job.claim > 1,
        },
        "worker_pid": None,
    }


def _read(text: str) -> Any:
    try:
        return decode(text)
    except InvalidPayload:  # somebody enqueued it with SQL
        return text


def _queue(name: str) -> dict[str, Any]:
    return {
        "name": name,
        "exchange": {"name": "", "type": "direct"},
        "routing_key": name,
        "durable": True,
        "exclusive": False,
        "auto_delete": False,
    }
