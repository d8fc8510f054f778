"""Behind PgBouncer in transaction mode all works, by polls if need be, and nothing is left."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from pgqueue import migrate
from pgqueue.worker import compaction, duties
from pgqueue.worker.control import Control
from support import grown
from support.waiting import wait_for
from support.workers import PATIENCE

WAIT = 30
#: What a noisy machine may add to a bound.
NOISE = 3.0
SHORT_LEASE = {"liveness HEARTBEAT": 0.3, "liveness LEASE": 3.0}
#: Heartbeats tell how often a worker has looked for jobs.
BRISK = {"liveness HEARTBEAT": 2.0}
GATE = "select count(*) from pg_locks where locktype = 'advisory' and mode = 'ShareLock'"


@pytest.fixture
def doctor(pooled):
    """What `pgq doctor` finds about the pooler."""

    def run(**environment):
        command = [sys.executable, "-m", "pgqueue.cli", "doctor", "--json"]
        environment = {**os.environ, "PGQUEUE_DSN": pooled, **environment}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        (found,) = [each for each in json.loads(done.stdout) if each["check"] == "pooler"]
        return found["level"], found["text"]

    return run


def seconds_to_start(app, idle):
    """How long jobs lay there before a worker that has long been idle began them."""
    found = []
    for _ in range(4):
        idle()
        job = app.send_task("add", (1, 2))
        assert job.get(WAIT) == 3
        row = job.job()
        found.append((row.started_at - row.created_at).total_seconds())
    return found


# ── what is said ──


def test_a_worker_says_once_what_it_detected(start_worker, app):
    worker = start_worker()
    worker.logged("notifications do not arrive")
    assert app.send_task("add", (1, 2)).get(WAIT) == 3
    assert worker.stop() == 0
    lines = [
        line for line in worker.log.splitlines() if "pooler" in line.lower() and "WARN" in line
    ]
    assert len(lines) == 1
    assert "this is a pooler in transaction mode" in lines[0]
    assert "polling instead; give a direct connection as listen_dsn" in lines[0]


def test_the_doctor_says_it_too_and_that_a_listen_dsn_helps(doctor, direct):
    assert doctor() == (
        "warning",
        "a transaction pooler swallows notifications: idle workers look for jobs every 2 s instead",
    )
    assert doctor(PGQUEUE_LISTEN_DSN=direct) == (
        "ok",
        "a pooler; notifications arrive over listen_dsn",
    )


# ── what works ──


@pytest.fixture
def idle(jobs):
    """Waits until the worker looks for jobs as seldom as it ever does."""
    trips = "select (stats->>'round_trips')::integer from pgqueue.workers"

    def calm():
        before = jobs.value(trips)
        wait_for(lambda: jobs.value(trips) != before, "a heartbeat", PATIENCE)
        return jobs.value(trips) - before < 3

    return lambda: wait_for(calm, "an idle worker", 2 * PATIENCE)


def test_a_measurement_is_refused_with_the_remedy(pooled):
    command = [sys.executable, "-m", "pgqueue.cli", "bench", "--dsn", pooled]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("pgq: a pooler answers at postgresql://")
    assert done.stderr.endswith(": give a direct connection as --dsn\n")


def test_an_idle_worker_polls(start_worker, app, jobs, idle):
    start_worker(patches=BRISK).logged("notifications do not arrive")
    assert max(seconds_to_start(app, idle)) < 2 + NOISE
    assert jobs.value(GATE) == 0


def test_a_listen_dsn_brings_wake_ups_back(start_worker, app, jobs, idle, direct, monkeypatch):
    monkeypatch.setenv("PGQUEUE_LISTEN_DSN", direct)
    worker = start_worker(patches=BRISK)

    def asleep():
        wait_for(lambda: jobs.value(GATE) == 1, "the worker to lie down", PATIENCE)
        idle()

    found = seconds_to_start(app, asleep)
    assert sorted(found)[1] < 0.2, "polls every 2 s are not as quick twice in four times"
    assert "notifications do not arrive" not in worker.log


def test_jobs_of_a_killed_worker_run_elsewhere_when_its_lease_is_over(start_worker, app, connect):
    connect().execute("select pg_advisory_lock(1)")
    first = start_worker(patches=SHORT_LEASE)
    job = app.send_task("ahold", (1,))
    wait_for(lambda: job.state == "STARTED", "the job to begin", PATIENCE)
    start_worker(patches=SHORT_LEASE)
    first.signal(signal.SIGKILL)
    wait_for(lambda: job.job().claim == 2, "the second run", PATIENCE)
    assert job.job().crashes == 1


@pytest.mark.parametrize("runs", range(3))
def test_a_duty_never_has_two_leaders(pooled, runs):
    """Both have the same session now and then; the lock is a transaction's, not a session's."""

    async def main():
        first, second = (Control(pooled, "pgqueue", f"pgqueue {name}") for name in "ab")
        await asyncio.gather(first.connect(), second.connect())
        led = []

        async def perform(run):
            led.append(await duties.perform(duties.Duty("prune", 1.0, nothing), second))

        async def nothing(run):
            pass

        assert await duties.perform(duties.Duty("prune", 1.0, perform), first)
        led.append(await duties.perform(duties.Duty("prune", 1.0, nothing), second))
        await first.close()
        await second.close()
        return led

    assert asyncio.run(main()) == [False, True]


def test_two_migrators_at_once_make_one_schema(poolers, empty_database):
    dsn = poolers("transaction").dsn(psycopg.conninfo.conninfo_to_dict(empty_database)["dbname"])

    def run(_):
        with psycopg.connect(dsn, autocommit=True, prepare_threshold=None) as connection:
            return len(migrate.migrate(connection))

    with ThreadPoolExecutor(2) as threads:
        applied = list(threads.map(run, range(2)))
    assert sum(applied) == len(migrate.all_steps())
    with psycopg.connect(dsn, autocommit=True, prepare_threshold=None) as connection:
        assert migrate.plan(connection) == []


# ── what is left ──


def test_nothing_is_left_in_the_sessions_that_others_are_lent(
    start_worker, app, doctor, pooled, left_behind
):
    worker = start_worker()
    handles = [app.send_task("add", (n, 1)) for n in range(50)]
    handles += app.enqueue_many(("add", (n, 1)) for n in range(50, 1000))
    handles += [app.send_task("third_time"), app.send_task("atogether", ("text",))]
    with app.transaction() as connection:
        connection.execute("create table log (number bigserial primary key, text text not null)")
        handles.append(app.send_task("together", ("text",)))

    async def async_client():
        handle = await app.asend_task("later", (5,))
        assert await handle.aget(WAIT) == 5
        await app.aclose()

    asyncio.run(async_client())
    for handle in handles[:1000]:
        handle.get(WAIT)
    doctor()
    worker.logged("notifications do not arrive")
    assert left_behind() == []
    worker.signal(signal.SIGKILL)
    worker.ended()
    assert left_behind() == []


def test_nothing_is_left_of_the_settings_under_which_room_is_given_back(
    pooled, connection, left_behind, monkeypatch
):
    monkeypatch.setattr(compaction, "LARGE", grown.MEGABYTE)
    monkeypatch.setattr(compaction, "CALM", 0.0)
    grown.grow(connection)

    async def main():
        control = Control(pooled, "pgqueue", "pgqueue a")
        await control.connect()
        duty = duties.Duty("compact", 1.0, compaction.Compaction().perform)
        assert await duties.perform(duty, control)
        await control.close()

    asyncio.run(main())
    assert grown.size(connection) < grown.MEGABYTE
    assert left_behind() == []


def test_who_looks_for_leftovers_finds_them(pooled, left_behind):
    with psycopg.connect(pooled, autocommit=True) as client:
        client.execute("set enable_seqscan = off")
        client.execute("listen here")
        client.execute("prepare one as select 1")
        client.execute("select pg_advisory_lock(7)")
    assert {what for what, _ in left_behind()} == {"settings", "channels", "statements", "locks"}
