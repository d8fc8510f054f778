"""Places are never exceeded: eight workers, of which some are killed and others frozen.

Leases are short, so that a worker that is frozen is declared dead and its jobs run elsewhere,
before it goes on as a zombie. A trigger notes when each claim began and ended, by the server's
clock; from that it is reckoned how many of a key ran at once.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

from benchmarks.limited import APP, few, lane
from benchmarks.limits import empty, fill
from benchmarks.results import Verdict, at_least, at_most
from benchmarks.setting import Setting, ask
from pgqueue.bench import worker
from pgqueue.bench.scratch import Scratch
from pgqueue.demo.worker import PGQ
from pgqueue.errors import ConfigurationError

WORKERS, SLOTS, SECONDS = 8, 4, 300.0
#: Tasks: how many of a key at once, and how many keys there are.
PLACES = {few.name: (3, 1), lane.name: (1, 4)}
#: Jobs of each task, for every second: more than there are places for.
SUPPLY = 100
#: Whom it befalls next, after so many seconds at least and at most.
FAULTS = 0.3, 2.0
#: What a worker goes by here (seconds), and how long one is frozen.
HEARTBEAT, LEASE, FROZEN = 0.5, 2.0, 4.0
SHORT_LEASE = f"""
from pgqueue.worker import liveness
liveness.HEARTBEAT, liveness.LEASE = {HEARTBEAT}, {LEASE}
"""


def measure(setting: Setting) -> dict[str, Any]:
    """Have jobs run for so long, and return what was found of every claim."""
    seconds = setting.seconds(SECONDS, 20)
    with setting.schema() as place:
        return run(place, seconds, setting.say)


def run(
    place: Scratch, seconds: float, say: Callable[[str], None], workers: int = WORKERS
) -> dict[str, Any]:
    """Have workers run jobs with places for so long, and trouble them meanwhile."""
    empty(place)
    ask(place, "witness")
    for task, (most, keys) in PLACES.items():
        fill(place, task, int(SUPPLY * seconds), keys, most)
    faults = _trouble(place, seconds, say, workers)
    found = {
        task: {"claims": claims, "rescued": lost, "keys": keys, "at_once": most}
        for task, claims, lost, keys, most in ask(place, "at_once")
    }
    return {"seconds": seconds, "workers": workers, **faults, "tasks": found}


def judged(result: dict[str, Any]) -> list[Verdict]:
    """Hold that no more of a key ran than it allows, though workers died and came back."""
    verdicts = []
    for task, found in result["tasks"].items():
        most = PLACES[task][0]
        verdicts.append(at_most(f"{task}: of a key at once", found["at_once"], most))
        verdicts.append(at_least(f"{task}: were all places used", found["at_once"], most))
        verdicts.append(at_least(f"{task}: claims that a rescue took back", found["rescued"], 1))
    return verdicts


def start(place: Scratch, *options: str, prelude: str = "") -> subprocess.Popen[bytes]:
    """Start a worker that ends with us, or before."""
    return subprocess.Popen(  # noqa: S603 (our own text)
        [sys.executable, "-c", prelude + PGQ, "worker", "-A", APP, "--grace", "1", *options],
        cwd=worker.ROOT,
        env=worker.environment(place),
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def end(process: subprocess.Popen[bytes], how: signal.Signals = signal.SIGKILL) -> None:
    """End a worker, and see it gone."""
    os.killpg(process.pid, how)
    process.wait()
    assert process.stdin
    process.stdin.close()


def _trouble(
    place: Scratch, seconds: float, say: Callable[[str], None], workers: int
) -> dict[str, int]:
    """Have workers work for so long; kill one, or freeze one past its lease, now and then."""
    chance = random.Random(1)  # noqa: S311 (whom it befalls)

    def begin() -> subprocess.Popen[bytes]:
        options = "--processes", "1", "-c", str(SLOTS)
        return start(place, *options, prelude=SHORT_LEASE)

    running = [begin() for _ in range(workers)]
    thaws: dict[int, float] = {}  # whose turn to go on it is when
    faults = {"killed": 0, "frozen": 0}
    try:
        while not ask(place, "begun")[0][0]:
            if any(each.poll() is not None for each in running):
                raise ConfigurationError(f"a worker of {APP} has ended before a job began")
            time.sleep(0.1)
        over = time.monotonic() + seconds
        while (now := time.monotonic()) < over:
            for number in [number for number, until in thaws.items() if until <= now]:
                del thaws[number]
                os.kill(running[number].pid, signal.SIGCONT)
            victim = chance.randrange(workers)
            # Half of them stay as they are, so that there is who rescues the others' jobs.
            if victim not in thaws and len(thaws) < workers // 2:
                if chance.choice([True, False]):
                    os.kill(running[victim].pid, signal.SIGSTOP)
                    thaws[victim] = now + FROZEN
                    faults["frozen"] += 1
                else:
                    end(running[victim])
                    running[victim] = begin()
                    faults["killed"] += 1
                if sum(faults.values()) % 20 == 0:
                    say(f"places: {faults}, {over - now:.0f} s left")
            time.sleep(chance.uniform(*FAULTS))
    finally:
        for each in running:
            end(each)
    return faults
