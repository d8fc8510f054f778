"""Every fault as a value: what is done to whom, for how long, and what is promised nevertheless."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from chaos.cluster import ROLE, may_mount
from chaos.measures import (
    FILES,
    THRESHOLD,
    Measure,
    all_alive,
    awake,
    clutter,
    consuming,
    enqueueing,
    fill,
    pick_up,
    probe,
    second_runs,
    swept,
)
from chaos.network import why_no_network
from chaos.scene import DATABASE, Scene, Stage

Act = Callable[[Scene], None]
#: A lease that a short test can wait for.
SHORT_LEASE = {"liveness HEARTBEAT": 0.5, "liveness LEASE": 4.0, "control ABSENCE": 2.0}
#: A table that a short test can make large, and a worker that looks at it as often.
SOON_COMPACT = {"compaction LARGE": FILES, "compaction CALM": 1.0, "compaction INTERVAL": 1.0}
TERMINATE = """
    select pg_terminate_backend(pid) from pg_stat_activity
    where usename = %s and pid <> pg_backend_pid()
"""


def nothing(scene: Scene) -> None:
    del scene


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong: `cause`, then `during` once a second for `lasts` seconds, then `heal`.

    `short` is how long it lasts in the short form, on `short_stage`; None: it is left out there.
    Unless `reruns`, no job may run again. `needs` returns why it cannot be caused here, if so.
    """

    name: str
    measures: tuple[Measure, ...]
    cause: Act
    heal: Act = nothing
    during: Act = nothing
    lasts: float = 0.0
    short: float | None = 0.0
    stage: Stage = field(default_factory=Stage)
    short_stage: Stage | None = None
    reruns: bool = False
    needs: Callable[[], str] = str
    #: Whether it happens many times over, so that workers may say it as often.
    often: bool = False


# ── processes ──


def pick_victim(scene: Scene) -> None:
    """Choose a worker that runs long jobs."""
    scene.victim = next(a.worker for a in scene.attempts() if a.job in scene.held)


def kill_worker(scene: Scene) -> None:
    pick_victim(scene)
    os.kill(scene.victim, signal.SIGKILL)


def kill_child(scene: Scene) -> None:
    pick_victim(scene)
    mine = (a for a in scene.attempts() if a.worker == scene.victim)
    scene.child = next(a.pid for a in mine if a.job in scene.held)
    os.kill(scene.child, signal.SIGKILL)


def freeze_worker(scene: Scene) -> None:
    pick_victim(scene)
    os.kill(scene.victim, signal.SIGSTOP)


def thaw_worker(scene: Scene) -> None:
    os.kill(scene.victim, signal.SIGCONT)


def freeze_network(scene: Scene) -> None:
    scene.victim = scene.workers[0].process.pid
    scene.network.cut()


# ── PostgreSQL ──


def restart(mode: str, seconds: float, short: float | None, **options: object) -> Fault:
    return Fault(
        f"PostgreSQL is stopped ({mode}) for {seconds:g} s",
        (
            Measure("every worker consumes again", 5, consuming),
            Measure("every producer enqueues again", 5, enqueueing),
        ),
        cause=lambda scene: scene.server.down(mode),
        heal=lambda scene: scene.server.up(),
        lasts=seconds,
        short=short,
        **options,
    )


def terminate(scene: Scene) -> None:
    with scene.server.root() as root:
        root.execute(TERMINATE, [ROLE])


def replicate(scene: Scene) -> None:
    """Have every commit wait for the replica, and end the primary."""
    scene.server.set(synchronous_standby_names="*")
    with scene.server.root() as root:
        synchronous = "select count(*) from pg_stat_replication where sync_state = 'sync'"
        scene.until(lambda: root.execute(synchronous).fetchone()[0], "a synchronous replica")
    scene.server.down("immediate")


def shorten_statements(scene: Scene) -> None:
    with scene.server.root() as root:
        root.execute(f"alter role {ROLE} set statement_timeout = '200ms'")
    terminate(scene)


def lengthen_statements(scene: Scene) -> None:
    with scene.server.root() as root:
        root.execute(f"alter role {ROLE} reset statement_timeout")


def fill_disk(scene: Scene) -> None:
    """Leave not a byte."""
    _fill(scene.server.data)


def fill_log(scene: Scene) -> None:
    """Leave no room for another segment, and have one needed: the server can only crash."""
    _fill(scene.server.wal)
    with contextlib.suppress(psycopg.Error), scene.server.root() as root:
        for _ in range(30):
            root.execute("select pg_logical_emit_message(false, 'chaos', repeat('x', 100000))")


def empty_log(scene: Scene) -> None:
    """Have an operator come, who starts what has ended."""
    (scene.server.wal / "filler").unlink()
    scene.server.up()


def _fill(folder: Path) -> None:
    with (folder / "filler").open("ab", buffering=0) as filler:
        for size in (1 << 20, 1 << 12):
            try:
                while True:
                    filler.write(bytes(size))
            except OSError:
                continue


def empty_disk(scene: Scene) -> None:
    (scene.server.data / "filler").unlink()


def take_connections_away(scene: Scene) -> None:
    """Come back with half as many connections more than there are workers.

    Three of them are the superuser's, and two the producers'.
    """
    scene.server.set(max_connections=max(16, scene.stage.workers * 3 // 2))
    scene.server.down("fast")


# ── the way to PostgreSQL ──


def swallow(*words: bytes) -> Act:
    def cause(scene: Scene) -> None:
        scene.proxy.swallows = words

    return cause


def pass_on(scene: Scene) -> None:
    assert scene.proxy.swallowed > 0, "no answer was lost"
    scene.proxy.swallows = ()


def pin(scene: Scene) -> None:
    """Open a transaction that sees what is there now, and keep it open."""
    with scene.server.root(DATABASE) as root:
        scene.notes.update(clutter(root))
    scene.pin = scene.open(scene.server.root(DATABASE))
    scene.pin.execute("begin isolation level repeatable read")
    scene.pin.execute("select pg_current_snapshot()")


def unpin(scene: Scene) -> None:
    with scene.server.root(DATABASE) as root:
        then = clutter(root)
    little = f"too little died for this to mean anything: {then}"
    assert then["dead"] > 2 * THRESHOLD, little
    assert then["files"] > scene.notes["files"] + 2 * FILES, little
    scene.pin.close()


NO_RERUN = Measure("jobs that run again", 0, None, unit="")

FAULTS = (
    Fault(
        "a worker is killed (SIGKILL)",
        (Measure("its jobs run elsewhere", 3, second_runs),),
        cause=kill_worker,
        lasts=4,
        short=1,
        reruns=True,
    ),
    Fault(
        "a worker's child is killed (SIGKILL)",
        (Measure("its jobs run again", 1, second_runs),),
        cause=kill_child,
        lasts=4,
        short=1,
        stage=Stage(processes=2),
        reruns=True,
    ),
    Fault(
        "a worker is frozen past its lease, then goes on",
        (
            Measure("its jobs run elsewhere", 40, second_runs),
            Measure("every worker consumes again", 5, consuming),
        ),
        cause=freeze_worker,
        heal=thaw_worker,
        lasts=45,
        short=8,
        short_stage=Stage(patches=SHORT_LEASE),
        reruns=True,
    ),
    restart("fast", 0.2, None),
    restart("fast", 5, 5),
    restart("fast", 35, None),
    restart("fast", 120, None),
    restart("fast", 400, None),
    restart("immediate", 0.2, 0.2),
    restart("immediate", 5, None),
    # In the short form for longer than a lease, too.
    restart("immediate", 35, 8, short_stage=Stage(patches=SHORT_LEASE)),
    restart("immediate", 120, None),
    restart("immediate", 400, None),
    Fault(
        "all sessions are terminated, every second",
        (Measure("every worker consumes again", 5, consuming),),
        cause=terminate,
        during=terminate,
        lasts=60,
        short=10,
    ),
    Fault(
        "the primary dies, its replica is promoted",
        (Measure("every worker consumes again", 10, consuming),),
        cause=replicate,
        heal=lambda scene: scene.replica.promote(),
        lasts=20,
        short=3,
        stage=Stage(replica=True),
    ),
    Fault(
        "the primary takes no writes",
        (Measure("every worker consumes again", 5, consuming),),
        cause=lambda scene: scene.server.set(default_transaction_read_only="on"),
        heal=lambda scene: scene.server.set(default_transaction_read_only=None),
        lasts=60,
        short=5,
    ),
    Fault(
        "statement_timeout = 200ms on the role",
        (Measure("a job waits", 2, pick_up),),
        cause=shorten_statements,
        during=probe,
        heal=lengthen_statements,
        lasts=60,
        short=5,
    ),
    Fault(
        "the disk of the data is full",
        (Measure("every worker consumes again", 5, consuming),),
        cause=fill_disk,
        during=fill_disk,
        heal=empty_disk,
        lasts=60,
        short=5,
        stage=Stage(disk=256),
        needs=lambda: "" if may_mount() else "a volume of its own needs root",
    ),
    Fault(
        "the disk of the write-ahead log is full",
        (
            Measure("every worker consumes again", 5, consuming),
            Measure("every producer enqueues again", 5, enqueueing),
        ),
        cause=fill_log,
        during=fill_log,
        heal=empty_log,
        lasts=60,
        short=None,
        stage=Stage(wal=64, settings={"min_wal_size": "4MB", "max_wal_size": "16MB"}),
        needs=lambda: "" if may_mount() else "a volume of its own needs root",
    ),
    Fault(
        "40 workers come back to 60 connections",
        (Measure("every worker lives", 30, all_alive),),
        cause=take_connections_away,
        heal=lambda scene: scene.server.up(),
        lasts=5,
        short=1,
        stage=Stage(workers=40, slots=2, kinds=("plain",), held=False),
        short_stage=Stage(workers=6, slots=2, kinds=("plain",), held=False),
    ),
    Fault(
        "every second acknowledgement of a finish is lost",
        (NO_RERUN,),
        cause=swallow(b"pgqueue_finish\0", b"COMMIT\0"),
        often=True,
        heal=pass_on,
        lasts=60,
        short=8,
        stage=Stage(proxy="all"),
    ),
    Fault(
        "every second acknowledgement of an enqueue is lost",
        (NO_RERUN,),
        cause=swallow(b"pgqueue_enqueue_chosen\0", b"pgqueue_enqueue\0"),
        often=True,
        heal=pass_on,
        lasts=60,
        short=8,
        stage=Stage(proxy="all"),
    ),
    Fault(
        "the listen connection goes silent",
        (
            Measure("a job waits", 2, pick_up),
            Measure("every worker is woken again", 30, awake),
        ),
        cause=lambda scene: scene.proxy.silence(),
        during=probe,
        heal=lambda scene: scene.proxy.speak(),
        lasts=60,
        short=8,
        stage=Stage(proxy="listen", producers=0, held=False),
    ),
    Fault(
        "every connection goes silent",
        (
            Measure("every worker consumes again", 10, consuming),
            Measure("every worker is woken again", 30, awake),
        ),
        cause=lambda scene: scene.proxy.silence(),
        heal=lambda scene: scene.proxy.speak(),
        lasts=60,
        short=None,
        stage=Stage(proxy="all", producers=0),
    ),
    Fault(
        "a worker's network is cut",
        (
            Measure("its jobs run elsewhere", 40, second_runs),
            Measure("every worker consumes again", 10, consuming),
            Measure("it is woken again", 30, awake),
        ),
        cause=freeze_network,
        heal=lambda scene: scene.network.heal(),
        lasts=60,
        short=10,
        stage=Stage(network=True),
        short_stage=Stage(network=True, patches=SHORT_LEASE),
        reruns=True,
        needs=why_no_network,
    ),
    Fault(
        "an old snapshot is held while jobs flow",
        (Measure("dead rows are gone, table and index files are back", 120, swept),),
        cause=pin,
        during=fill,
        heal=unpin,
        lasts=120,
        short=10,
        stage=Stage(workers=1, producers=0, held=False),
        short_stage=Stage(
            workers=1,
            producers=0,
            held=False,
            settings={"autovacuum_naptime": "2s"},
            patches=SOON_COMPACT,
        ),
    ),
)
