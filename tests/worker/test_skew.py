"""P8: workers of the previous release and of this one run side by side on one schema."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import pytest

from pgqueue.migrate import FOLDER
from support.previous import unpack

WAIT = 30
SMALL = ("--processes", "1", "-c", "4")
OFTEN = {"skew INTERVAL": 0.1}
SLOTS = 4


@pytest.fixture
def migrated(connection):
    """Notes a migration of a newer release."""

    def note(name):
        insert = "insert into pgqueue.schema_files (path, sha256) values (%s, 'x')"
        connection.execute(insert, [f"migrations/{name}.sql"])

    return note


@pytest.fixture(scope="session")
def previous(tmp_path_factory):
    """The source tree of the previous release."""
    found = unpack(tmp_path_factory.mktemp("previous"))
    if found is None:
        pytest.skip("the history of the repository is not there: git fetch --unshallow")
    return found


@pytest.fixture
def start_previous(start_worker, previous):
    """Starts a worker of the previous release."""
    return lambda *options: start_worker(*options, source=previous)


# ── a schema of a newer release ──


def test_a_worker_goes_on_with_a_schema_that_a_newer_release_added_to(start_worker, send, migrated):
    migrated("9999_adds")
    worker = start_worker(*SMALL).ready()
    assert send("add", 1, 2).get(WAIT) == 3
    (said,) = worker.logged("of a newer release")
    assert "schema 'pgqueue' has migrations/9999_adds.sql of a newer release: this one goes" in said


def test_it_refuses_one_that_is_for_newer_releases_only(start_worker, migrated):
    migrated("9999_drops.needs_9998")
    worker = start_worker(*SMALL)
    assert worker.ended() == 1
    worker.logged("pgq: schema 'pgqueue' is newer than this pgqueue.*upgrade the package")


def test_one_that_becomes_so_while_it_runs_stops_it_cleanly(
    start_worker, send, migrated, lock, until
):
    worker = start_worker(*SMALL, patches=OFTEN).ready()
    held = lock(1)
    running = send("ahold", 1)
    until(lambda: running.state == "STARTED")
    migrated("9998_adds")
    worker.logged("has migrations/9998_adds.sql of a newer release")
    migrated("9999_drops.needs_9998")
    worker.logged("stopping: no new claims; 1 jobs in hand")
    left = send("add", 1, 2)
    held.free()
    assert running.get(WAIT) == 1
    assert worker.ended() == 1
    assert (running.job().claim, left.state) == (1, "PENDING")
    worker.logged("pgq: schema 'pgqueue' is newer than this pgqueue")


# ── the previous release ──


def can_work(previous):
    """Whether the previous release can work with every migration of this one."""
    folders = (FOLDER, previous / "sql")
    here, there = ({file.name for file in f.glob("migrations/*.sql")} for f in folders)
    return there <= here and not any(".needs_" in name for name in here - there)


def test_a_worker_of_the_previous_release_runs_or_says_why_not(start_previous, previous, send):
    worker = start_previous(*SMALL)
    if can_work(previous):
        worker.ready()
        assert send("add", 1, 2).get(WAIT) == 3
        assert worker.stop() == 0
    else:
        assert worker.ended() == 1
        worker.logged("is newer than this pgqueue: .*upgrade the package")


@pytest.mark.parametrize("which", ["previous", "this"])
@pytest.mark.sessions("nobody sees a worker's session end")
def test_side_by_side_each_release_runs_jobs_and_rescues_the_others(
    start_worker, start_previous, previous, send, lock, until, jobs, which
):
    if not can_work(previous):
        pytest.skip("the previous release refuses this schema")
    workers = {"previous": start_previous(*SMALL), "this": start_worker(*SMALL)}
    for worker in workers.values():
        worker.ready()
    held = lock(1)
    results = [send("ahold", 1) for _ in range(2 * SLOTS)]
    waiting = "select count(*) from pg_locks where locktype = 'advisory' and not granted"
    until(lambda: jobs.value(waiting) == 2 * SLOTS, "both to run as much as they can")
    assert {len({r.job().worker_id for r in results})} == {2}
    workers[which].signal(signal.SIGKILL)
    crashed = "select count(*) from pgqueue.jobs_live where crashes = 1"
    until(lambda: jobs.value(crashed) == SLOTS, "the other one to rescue its jobs")
    held.free()
    assert [r.get(WAIT) for r in results] == [1] * len(results)
    assert sorted(r.job().claim for r in results) == [1] * SLOTS + [2] * SLOTS


def test_what_the_previous_release_enqueues_is_run_and_its_results_are_read(
    worker, previous, database
):
    program = (
        "import json, sys; from pgqueue import PgQueue; app = PgQueue('old', dsn=sys.argv[1]); "
        "jobs = [app.send_task('add', (n, 1)) for n in range(20)]; "
        "jobs += app.enqueue_many(('add', (n, 1)) for n in range(20, 500)); "
        "print(json.dumps([job.get(30) for job in jobs])); app.close()"
    )
    environment = {**os.environ, "PYTHONPATH": str(previous)}
    command = [sys.executable, "-c", program, database]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == list(range(1, 501))
