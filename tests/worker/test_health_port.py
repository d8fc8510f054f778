"""`--health-port`: live as long as the loops go round, ready as long as a job could run now."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from pgqueue import migrate
from support.databases import outage
from support.workers import PATIENCE

#: A second counts as ten.
HASTE = {"board REST": 0.5, "board BOUND": 3.0, "liveness HEARTBEAT": 0.2, "probes FRESH": 4.0}
READY = {
    "status": "ok",
    "worker": "running",
    "children": "ready",
    "database": "writable",
    "schema": "known",
}
LOOPS = {
    "supervisor",
    "pump",
    "heartbeat",
    "listener",
    "children",
    "watch",
    "compact",
    "partitions",
    "prune",
    "follow",
    "schedules",
    "keys",
    "queues",
    "schema",
}

HANG = """
import asyncio
from pgqueue.worker import {module}

async def hang(*_):
    await asyncio.sleep(10**6)

{module}.{name} = hang
"""
BLOCK = """
import time
from pgqueue.worker import watching

watching.pause = lambda living: time.sleep(10**6)
"""


class Probe:
    """What an orchestrator asks a worker."""

    def __init__(self, worker):
        (line,) = worker.logged("answering /livez and /readyz")
        self.port = int(re.search(r"port (\d+)$", line)[1])

    def ask(self, path):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        connection.request("GET", path)
        answer = connection.getresponse()
        body = json.loads(answer.read())
        assert (answer.status == 200) == (body["status"] == "ok")
        return body

    @property
    def live(self):
        return self.ask("/livez")

    @property
    def ready(self):
        return self.ask("/readyz")


@pytest.fixture
def start(start_worker):
    """Starts a worker with a health port; returns it and its probe."""

    def start(*options, patches=HASTE, **about):
        worker = start_worker(
            "--processes", "1", "--health-port", "0", *options, patches=patches, **about
        )
        return worker, Probe(worker)

    return start


def test_a_worker_at_work_is_live_and_ready_and_says_no_more_than_states(start, until):
    worker, probe = start(patches=None)
    worker.ready()
    until(lambda: probe.ready == READY)
    live = probe.live
    assert live.keys() == LOOPS | {"status"}
    assert set(live.values()) <= {"ok", "ticking", "waiting"}


def test_a_worker_whose_application_is_still_imported_is_live_and_not_ready(
    start, until, tmp_path, monkeypatch
):
    os.mkfifo(tmp_path / "fifo")
    monkeypatch.setenv("TEST_FIFO", str(tmp_path / "fifo"))
    _, probe = start(app="support.late", patches=None)
    assert probe.ready == {
        "status": "failing",
        "worker": "starting",
        "children": "none",
        "database": "unknown",
        "schema": "unknown",
    }
    assert probe.live["status"] == "ok"
    (tmp_path / "fifo").write_text("go on")
    until(lambda: probe.ready == READY)


def test_an_outage_leaves_a_worker_live_and_unready_until_it_is_over(
    start, until, server, database
):
    worker, probe = start()
    worker.ready()
    with outage(server, database):
        until(lambda: probe.ready["database"] == "away")
        assert probe.live["status"] == "ok"
    until(lambda: probe.ready == READY)
    assert probe.live["status"] == "ok"


def test_a_silent_server_leaves_a_worker_live_however_long_and_makes_it_unready(
    start, until, connection
):
    worker, probe = start()
    worker.ready()
    until(lambda: probe.ready == READY)
    backends = connection.execute(
        "select pid from pg_stat_activity where application_name like 'pgqueue %%'"
    ).fetchall()
    for (pid,) in backends:
        os.kill(pid, signal.SIGSTOP)
    try:
        until(lambda: probe.ready["database"] == "away")  # later than the loops' bound
        live = probe.live
        assert (live["status"], live["pump"], live["heartbeat"]) == ("ok", "waiting", "waiting")
    finally:
        for (pid,) in backends:
            os.kill(pid, signal.SIGCONT)
    until(lambda: probe.ready == READY)


def test_a_server_that_takes_no_writes_makes_a_worker_unready(start, until, connection, database):
    worker, probe = start()
    worker.ready()
    name = conninfo_to_dict(database)["dbname"]
    connection.execute(f"alter database {name} set default_transaction_read_only = on")
    # Not by name: behind a pooler sessions bear the names of many clients.
    connection.execute(
        "select pg_terminate_backend(pid) from pg_stat_activity "
        "where datname = current_database() and pid <> pg_backend_pid()"
    )
    until(lambda: probe.ready["database"] == "away")
    assert probe.live["status"] == "ok"
    connection.execute(f"alter database {name} reset default_transaction_read_only")
    until(lambda: probe.ready == READY)


def dropped(connection):
    """Drop the schema; the worker, which uses its tables, may be in the way for once."""
    try:
        connection.execute("drop schema pgqueue cascade")
    except psycopg.errors.DeadlockDetected:
        return False
    return True


def test_a_schema_that_has_gone_makes_a_worker_unready_until_it_is_back(start, until, connection):
    worker, probe = start()
    worker.ready()
    until(lambda: dropped(connection), "the schema to be dropped")
    until(lambda: (probe.ready["database"], probe.ready["schema"]) == ("refusing", "missing"))
    assert probe.live["status"] == "ok"
    migrate.migrate(connection)
    until(lambda: probe.ready == READY)


@pytest.mark.parametrize(
    ("loop", "module", "name"),
    [
        ("pump", "pump", "Pump._gather"),
        ("heartbeat", "liveness", "Liveness.serve"),
        ("listener", "wakeup", "Listener.serve"),
        ("children", "crew", "Crew.serve"),
        ("watch", "watching", "watch"),
    ],
)
def test_a_worker_of_which_one_loop_hangs_lives_no_more(start, until, loop, module, name):
    _, probe = start(prelude=HANG.format(module=module, name=name))
    until(lambda: probe.live["status"] == "failing")
    assert probe.live[loop] == "hung"
    assert "hung" not in {state for other, state in probe.live.items() if other != loop}


def test_a_worker_whose_supervisor_is_blocked_lives_no_more(start, until):
    _, probe = start(prelude=BLOCK)
    until(lambda: probe.live["status"] == "failing")
    assert probe.live["supervisor"] == "hung"


def test_a_stopping_worker_is_live_and_takes_no_more(start, until, send, lock):
    worker, probe = start(patches=None)
    held = lock(1)
    result = send("hold", 1)
    until(lambda: result.state == "STARTED")
    worker.signal(signal.SIGTERM)
    worker.logged("stopping")
    assert probe.ready["worker"] == "stopping"
    assert probe.live["status"] == "ok"
    held.free()
    assert worker.ended() == 0
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", probe.port))


def test_a_port_that_is_taken_ends_a_worker_before_it_begins(start_worker):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        worker = start_worker("--health-port", str(port))
        assert worker.ended() == 1
    assert worker.log.startswith(
        f"pgq: --health-port {port}: nothing can listen there on 127.0.0.1: "
    )
    assert "Traceback" not in worker.log
