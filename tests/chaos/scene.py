"""Where a fault happens: a server, workers, producers, and what may stand between them."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import psycopg

from chaos import checker
from chaos.checker import LET_GO, Attempt
from chaos.cluster import ROLE, Cluster
from chaos.network import Network
from chaos.proxy import Proxy
from pgqueue import PgQueue
from pgqueue.migrate import migrate
from support.waiting import wait_for
from support.workers import TESTS, Worker

DATABASE = "shop"
EFFECTS = "create table effects (number text, job uuid, claim int, pid int)"
#: For whatever a test waits for that is not what it measures.
PATIENCE = 120.0


@dataclass(frozen=True, slots=True)
class Stage:
    """What a fault needs.

    `proxy` stands before "all" of a worker's connections or only the one that it "listen"s on;
    `network` has the first worker in a network of its own; `disk`, `wal` and `settings` are the
    server's.
    `held` is whether every worker runs a job that takes longer than the fault.
    """

    workers: int = 2
    slots: int = 6
    processes: int = 1
    producers: int = 2
    rate: float = 15.0
    kinds: tuple[str, ...] = ("plain", "effect", "few")
    held: bool = True
    settings: dict[str, object] = field(default_factory=dict)
    patches: dict[str, float] = field(default_factory=dict)
    disk: int = 0
    wal: int = 0
    replica: bool = False
    proxy: str = ""
    network: bool = False


class Scene:
    """A stage that is set: `with Scene.set(...) as scene`."""

    def __init__(self, stage: Stage, binaries: object, folder: Path, stack: ExitStack) -> None:
        self.stage = stage
        self.folder = folder
        self._stack = stack
        self._numbers = count()
        self.workers: list[Worker] = []
        self.producers: list[subprocess.Popen[bytes]] = []
        self.told: dict[str, str] = {}
        self.held: list[str] = []
        self.caused_at = self.healed_at = 0.0
        #: The process id of the worker that the fault befalls.
        self.victim = 0
        #: The child of its that the fault befalls; 0: all of them.
        self.child = 0
        #: The jobs that were enqueued during the fault, and when.
        self.probes: dict[str, float] = {}
        #: What a fault has found before it began.
        self.notes: dict[str, float] = {}
        self.pin: psycopg.Connection | None = None
        for name in ("attempts", "acknowledged"):
            (folder / name).mkdir()
        self.network = stack.enter_context(Network()) if stage.network else None
        self.server = self._cluster(binaries)
        self.replica = self._cluster(binaries, origin=self.server) if stage.replica else None
        self.proxy = None
        if stage.proxy:
            self.proxy = stack.enter_context(Proxy(f"{self.server.host}/.s.PGSQL.5432"))

    @classmethod
    @contextmanager
    def set(cls, stage: Stage, binaries: object, folder: Path) -> Iterator[Scene]:
        """Set a stage, have jobs flow, and have every worker run one that outlasts the fault."""
        with ExitStack() as stack:
            scene = cls(stage, binaries, folder, stack)
            scene._furnish()
            for number in range(stage.workers):
                scene.start_worker(inside=stage.network and not number)
            for worker in scene.workers:
                scene.until(lambda worker=worker: "is ready" in worker.log, "the workers")
            for number in range(stage.producers):
                scene._start_producer(f"p{number}")
            if stage.held:
                scene._hold()
            if stage.producers:
                scene.until(scene.all_consume, "every worker to run jobs")
            yield scene

    # ── who is there ──

    def start_worker(self, *, inside: bool = False) -> None:
        stage = self.stage
        log = self.folder / f"worker-{len(self.workers)}.log"
        environment = {"CHAOS_FOLDER": str(self.folder)}
        if stage.proxy == "listen":
            environment["PGQUEUE_LISTEN_DSN"] = self.proxy.dsn(ROLE, DATABASE)
        worker = Worker(
            self._address(inside=inside, through=stage.proxy == "all"),
            log,
            *("--processes", str(stage.processes), "-c", str(stage.slots), "--log-format", "json"),
            app="chaos.tasks",
            patches=stage.patches,
            before=self.network.command if inside else (),
            environment=environment,
        )
        self._stack.callback(worker.destroy)
        self.workers.append(worker)

    def _start_producer(self, name: str) -> None:
        path = os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")])
        address = self._address(inside=False, through=self.stage.proxy == "all")
        about = {"CHAOS_FOLDER": str(self.folder), "PGQUEUE_DSN": address, "PYTHONPATH": path}
        command = ["-m", "chaos.producer", name, str(self.stage.rate), *self.stage.kinds]
        with (self.folder / f"{name}.log").open("wb") as log:
            producer = subprocess.Popen(
                [sys.executable, *command], env={**os.environ, **about}, stdout=log, stderr=log
            )
        self._stack.callback(lambda: (producer.kill(), producer.wait()))
        self.producers.append(producer)

    def _cluster(self, binaries: object, **options: object) -> Cluster:
        settings = dict(self.stage.settings)
        if self.network:
            settings["listen_addresses"] = self.network.here
        volumes = {"disk": self.stage.disk, "wal": self.stage.wal}
        cluster = Cluster(binaries, settings=settings, **volumes, **options)
        if self.network:
            cluster.port = free_port()
        self._stack.callback(cluster.stop)
        cluster.start()
        return cluster

    def _furnish(self) -> None:
        with self.server.root() as root:
            root.execute(f"create role {ROLE} login")
            root.execute(f"create database {DATABASE} owner {ROLE}")
        with self._connection() as connection:
            migrate(connection)
            connection.execute(EFFECTS)

    def _address(self, *, inside: bool, through: bool) -> str:
        if inside:
            return f"postgresql://{ROLE}@{self.network.here}:{self.server.port}/{DATABASE}"
        if through:
            return self.proxy.dsn(ROLE, DATABASE)
        return self.address

    @property
    def address(self) -> str:
        """How a worker finds the server that takes writes."""
        hosts = [server.host for server in (self.server, self.replica) if server]
        ports = ",".join([str(self.server.port)] * len(hosts))
        where = f"host={','.join(hosts)} port={ports} user={ROLE} dbname={DATABASE}"
        return where + (" target_session_attrs=read-write" if self.replica else "")

    def _connection(self):
        return self.server.root(DATABASE, user=ROLE)

    def open(self, connection: psycopg.Connection) -> psycopg.Connection:
        """Keep a connection until the end of the scene at most."""
        return self._stack.enter_context(closing(connection))

    # ── what they do ──

    def send(self, task: str = "plain", seconds: float = 0.0) -> str:
        """Enqueue a job that counts, on a connection of its own."""
        number = f"h{next(self._numbers)}"
        app = PgQueue("harness", dsn=self.address)
        try:
            job = app.send_task(task, [number, seconds])
        finally:
            app.close()
        self.told[str(job.id)] = number
        return str(job.id)

    def _hold(self) -> None:
        """Have every worker run a job that goes on until it is let go."""
        everybody = {worker.process.pid for worker in self.workers}
        while not self.consumers(of=set(self.held)) >= everybody:
            self.held += [self.send("held") for _ in self.workers]
            self.until(lambda: {a.job for a in self.attempts()} >= {*self.held}, "the long jobs")

    def let_go(self) -> None:
        """Have the held jobs end."""
        (self.folder / LET_GO).touch()

    def attempts(self) -> list[Attempt]:
        return checker.attempts(self.folder)

    def consumers(self, since: float = 0.0, of: set[str] | None = None) -> set[int]:
        """Return the workers that have begun jobs since then, if need be of these."""
        return {
            a.worker for a in self.attempts() if a.start >= since and (of is None or a.job in of)
        }

    def all_consume(self) -> bool:
        return self.consumers() >= {worker.process.pid for worker in self.workers}

    def until(self, fact: Callable[[], object], what: str, seconds: float = PATIENCE) -> object:
        return wait_for(lambda: fact() or time.sleep(0.02), what, seconds)

    def flow(self, jobs: int) -> None:
        """Wait until the producers have been told of so many more jobs."""
        if any(producer.poll() is None for producer in self.producers):
            enough = len(checker.acknowledged(self.folder)) + jobs
            self.until(lambda: len(checker.acknowledged(self.folder)) >= enough, "jobs to flow")

    # ── the end ──

    def stop_producers(self) -> None:
        for producer in self.producers:
            producer.terminate()
        for producer in self.producers:
            producer.wait(PATIENCE)

    def rest(self) -> None:
        """Stop the producers, and wait until nothing is left to do."""
        self.stop_producers()
        self.told |= checker.acknowledged(self.folder)
        with self.home.root(DATABASE) as connection:
            live = "select count(*) from pgqueue.jobs_live"
            self.until(lambda: not connection.execute(live).fetchone()[0], "an empty queue")

    @property
    def home(self) -> Cluster:
        """The server where the jobs are now."""
        return self.replica if self.replica and self.replica.promoted else self.server


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("0.0.0.0", 0))
        return probe.getsockname()[1]
