"""Causes one fault, and says what came of it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from chaos import checker
from chaos.checker import Account
from chaos.faults import Fault
from chaos.scene import DATABASE, Scene

#: So many jobs flow before the fault, and as many after it.
FLOW = 100
#: A message of an outage at its beginning, at its end, and so often in between.
EVERY = 10.0


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table."""

    fault: str
    promise: str
    bound: float
    measured: float
    unit: str
    jobs: int
    lost: int
    stuck: int
    doubled: int
    again: int


@dataclass(frozen=True, slots=True)
class Report:
    """What came of a fault; `complaints` are broken promises other than those of time."""

    rows: list[Row]
    complaints: list[str]


def run(fault: Fault, binaries: object, folder: Path, *, long: bool) -> Report:
    """Set the stage, cause the fault, heal it, measure, and compare the witnesses."""
    seconds = fault.lasts if long else fault.short
    stage = fault.stage if long or not fault.short_stage else fault.short_stage
    with Scene.set(stage, binaries, folder) as scene:
        flow = FLOW if long else FLOW // 4
        scene.flow(flow)
        scene.caused_at = time.time()
        fault.cause(scene)
        while (left := scene.caused_at + seconds - time.time()) > 0:
            time.sleep(min(left, 1.0))
            fault.during(scene)
        fault.heal(scene)
        scene.healed_at = time.time()
        scene.let_go()
        taken = [measure.take(scene) if measure.take else None for measure in fault.measures]
        scene.flow(flow)
        scene.rest()
        ran = checker.attempts(folder)
        with scene.home.root(DATABASE) as connection:
            account = checker.account(connection, scene.told, ran)
        rows = [
            Row(
                fault.name,
                measure.promise,
                measure.bound,
                round(account.again if value is None else value, 2),
                measure.unit,
                account.jobs,
                account.lost,
                account.stuck,
                account.doubled,
                account.again,
            )
            for measure, value in zip(fault.measures, taken, strict=True)
        ]
        return Report(rows, list(_complaints(fault, scene, account, ran)))


def _complaints(fault: Fault, scene: Scene, account: Account, ran):
    if not account.clean:
        yield f"jobs were lost, stuck or doubled, or too many ran at once: {account}"
    if account.again and not fault.reruns:
        yield f"{account.again} jobs ran again"
    over = scene.healed_at - scene.caused_at
    for worker in scene.workers:
        if worker.process.pid != scene.victim and worker.process.poll() is not None:
            yield f"a worker ended:\n{worker.log}"
        said = checker.lines(worker.log)
        loudest = checker.loudest(said, scene.caused_at, scene.healed_at)
        if loudest > 1 + over / EVERY and not fault.often:
            yield f"a worker said the same {loudest} times in {over:.0f} s:\n{worker.log}"
    if not fault.reruns:
        killed = [a for a in ran if a.job in scene.held and a.stop is None]
        if killed:
            yield f"running tasks were killed: {killed}"
