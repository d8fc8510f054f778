"""32 connections that enqueue one job per commit while a worker is busy.

Four ways in turns: the bare insert; pgqueue's statement without its look at the gate, and with it;
the bare insert with a NOTIFY, which is what a queue without a gate does. Once by pgbench, so that
the server is what is measured, and once by processes that call `delay`.
"""

from __future__ import annotations

import re
import shutil
import statistics
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.results import Verdict, at_least, at_most
from benchmarks.setting import Setting, connect, text
from pgqueue.bench import producers, worker
from pgqueue.bench.figures import percentiles, rate
from pgqueue.bench.scratch import Scratch
from pgqueue.bench.tasks import SCHEMA
from pgqueue.database import SyncConnection
from pgqueue.errors import ConfigurationError
from pgqueue.statements import statement

CLIENTS = 32
SECONDS, ROUNDS = 8.0, 5
PRODUCERS = 32
WAYS = ("bare", "silent", "gate", "notify")
#: The values of a job as literals: pgbench's variables are numbers.
LITERALS = {
    "task": "'bench.noop'", "args": "'[1]'", "kwargs": "'{}'",
    "queue": "'default'", "priority": "0", "max_attempts": "null", "countdown": "0", "eta": "null",
    "expires": "null", "expires_in": "null", "headers": "null",
    "parent_id": "null", "root_id": "null",
}  # fmt: skip
_TPS = re.compile(r"tps = ([\d.]+)")
_LATENCY = re.compile(r"latency average = ([\d.]+)")


def measure(setting: Setting) -> dict[str, Any]:
    """Measure with pgbench, and with processes of ours."""
    result: dict[str, Any] = {"clients": CLIENTS}
    with setting.schema(SCHEMA) as place, worker.started(place) as running:
        running.wait_until_ready()
        result["pgbench"] = _by_pgbench(setting, place)
        place.empty()
        result["delay"] = _by_producers(setting, place)
    return result


def judged(result: dict[str, Any]) -> list[Verdict]:
    """Compare the ways within each round: what the machine does meanwhile changes by the minute."""
    pgbench, delay = result["pgbench"], result["delay"]
    return [
        at_least("pgbench: with the gate / bare", ratio(pgbench, "gate"), 0.85),
        at_most("pgbench: with a NOTIFY each / bare", ratio(pgbench, "notify"), 0.85),
        at_least("processes: delay / bare", ratio(delay, "delay"), 0.85),
        at_most(
            "notifications per enqueue while the worker was busy, with the gate",
            sum(r["gate"]["notified"] for r in pgbench) / sum(r["gate"]["jobs"] for r in pgbench),
            0.01,
        ),
    ]


def script(way: str, schema: str) -> str:
    """Return what a pgbench client sends again and again: one statement that commits by itself.

    >>> print(script("notify", "pgqueue").splitlines()[-1])
    select pg_notify('pgqueue.jobs', '') from inserted;
    """
    if way in ("gate", "silent"):
        # The statement of `delay` itself; silent, it was told not to look at the gate.
        values = LITERALS | {"id": f"{schema}.uuid7()", "notify": str(way == "gate").lower()}
        full = statement("enqueue", schema)
        return re.sub(r"%\((\w+)\)s", lambda found: values[found[1]], full) + ";\n"
    return text(f"commit_{way}", schema) + ";\n"


def _by_pgbench(setting: Setting, place: Scratch) -> list[dict[str, Any]]:
    rounds = []
    for turn in range(ROUNDS):
        found = {}
        for way in rotated(WAYS, turn):
            setting.say(f"pgbench, {way}, round {turn + 1} of {ROUNDS}")
            found[way] = pgbench(place, way, setting.seconds(SECONDS))
        rounds.append(found)
    return rounds


def pgbench(place: Scratch, way: str, seconds: float, clients: int = CLIENTS) -> dict[str, Any]:
    """Have so many clients of pgbench enqueue in a way; return commits per second, latency in ms.

    `notified` is how many notifications came on the channel of jobs meanwhile.
    """
    with (
        tempfile.NamedTemporaryFile("w", suffix=".sql") as file,
        counted_notifications(place) as notified,
    ):
        file.write(script(way, place.schema))
        file.flush()
        command = [program(), "--no-vacuum", "--protocol=prepared", "--file", file.name]
        command += [f"--client={clients}", "--jobs=2", f"--time={max(1, round(seconds))}"]
        done = subprocess.run(  # noqa: S603 (our own text)
            [*command, place.dsn], check=False, capture_output=True, text=True
        )
        if done.returncode:
            raise ConfigurationError(f"pgbench failed, it says: {done.stderr.strip()[-1000:]}")
    tps, latency = _TPS.search(done.stdout), _LATENCY.search(done.stdout)
    assert tps
    assert latency
    return {
        "per_second": float(tps[1]),
        "latency": float(latency[1]),
        "jobs": float(tps[1]) * max(1, round(seconds)),
        "notified": len(notified),
    }


def program() -> str:
    """Return where pgbench is; raise `ConfigurationError` if it is nowhere."""
    places = sorted(Path("/usr/lib/postgresql").glob("*/bin/pgbench"), reverse=True)
    found = shutil.which("pgbench") or next(map(str, places), None)
    if found is None:
        raise ConfigurationError("commits needs pgbench: install PostgreSQL's contrib programs")
    return found


@contextmanager
def counted_notifications(place: Scratch) -> Iterator[list[None]]:
    """Count what is notified on the channel of jobs until the end of the block."""
    seen: list[None] = []
    with connect(place.dsn, "pgqueue ear") as ear:
        ear.execute(f'listen "{place.schema}.jobs"'.encode())
        stop = threading.Event()
        thread = threading.Thread(target=_hear, args=(ear, seen, stop))
        thread.start()
        try:
            yield seen
        finally:
            stop.set()
            thread.join()


def _hear(ear: SyncConnection, seen: list[None], stop: threading.Event) -> None:
    while not stop.is_set():
        seen += [None for _ in ear.notifies(timeout=0.2)]


def _by_producers(setting: Setting, place: Scratch) -> list[dict[str, Any]]:
    rounds = []
    setting.say(f"starting {PRODUCERS} processes")
    with producers.started(place, PRODUCERS) as running:
        for turn in range(ROUNDS):
            found = {}
            for way in rotated(("bare", "delay"), turn):
                setting.say(f"processes, {way}, round {turn + 1} of {ROUNDS}")
                answers = producers.flat_out(running, way, setting.seconds(SECONDS))
                jobs = sum(answer["jobs"] for answer in answers)
                took = max(answer["end"] for answer in answers) - answers[0]["at"]
                waits = [each / 1000 for answer in answers for each in answer["latencies"]]
                spread = percentiles(waits)
                assert spread
                found[way] = {
                    "per_second": rate(jobs, took),
                    "p50": spread.p50,
                    "p99": spread.p99,
                }
            rounds.append(found)
    return rounds


def rotated(ways: Sequence[str], turn: int) -> list[str]:
    """Return the ways in the order of a round: each is first, and follows each, in its turn.

    >>> rotated(["a", "b", "c"], 1)
    ['b', 'c', 'a']
    """
    start = turn % len(ways)
    return [*ways[start:], *ways[:start]]


def ratio(rounds: list[dict[str, Any]], way: str) -> float:
    """Return a way's speed as a share of the bare insert's: the median over the rounds."""
    return statistics.median(
        float(each[way]["per_second"]) / float(each["bare"]["per_second"]) for each in rounds
    )
