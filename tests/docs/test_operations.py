"""What the page on operations says of roles, bounds and pgq doctor is so."""

from __future__ import annotations

import dataclasses
import http.client
import json
import math
import re
from urllib.parse import quote

import psycopg
import pytest
from blocks import ROOT, first_cells, names, page
from playing import PageWorker

from pgqueue import PgQueue, migrate, waiting
from pgqueue.cli import checks
from pgqueue.worker import (
    board,
    claims,
    compaction,
    duties,
    health,
    liveness,
    pacing,
    probes,
    supervisor,
    watching,
)
from pgqueue.worker.settings import WorkerOptions
from support.waiting import wait_for
from support.workers import Worker

OPERATIONS = page("operations.md")
TASKS = """
from pgqueue import PgQueue

app = PgQueue("shop")


@app.task(name="add")
def add(a, b):
    return a + b


@app.task(name="together", bind=True)
def together(self):
    with self.transaction():
        self.set_result("both")
"""
WAIT = 30
ENQUEUE = "select pgqueue.enqueue('add', '{\"args\": [1, 2]}')"


def test_every_line_of_doctor_is_explained():
    source = (ROOT / "pgqueue/cli/checks.py").read_text() + (
        ROOT / "pgqueue/cli/doctor.py"
    ).read_text()
    said = set(re.findall(r'Finding\(\s*\w+, "(\w+)"', source)) | {
        name for _, name in checks.CHECKS
    }
    assert set(names(first_cells(OPERATIONS.section("pgq doctor")))) == said


def test_the_bounds():
    text = OPERATIONS.section("What happens when")
    often, rarely = watching.pause(1), watching.pause(10**6)
    verdict = watching.GRACE + 2 * often
    for bound in (
        f"a heartbeat every {liveness.HEARTBEAT:g} s",
        f"a lease of {liveness.LEASE:g} s",
        f"a look at the other workers every {often:g} s",
        f"more than {watching.CROWD}, but at least every {rarely:g} s",
        f"a look for jobs at least every {claims.POLL_LAST:g} s",
        f"gives it {watching.GRACE:g} s to come back",
        f"{math.ceil(verdict * 1.2)} s |",
        f"| {liveness.LEASE + rarely:g} s |",
    ):
        assert bound in text
    assert waiting.POLL_LAST == claims.POLL_LAST


def test_other_numbers():
    text = OPERATIONS.text
    (grace,) = [f.default for f in dataclasses.fields(WorkerOptions) if f.name == "grace"]
    intervals = {duty.name: duty.interval for duty in duties.DUTIES}
    assert f"the default of {grace:g} seconds" in text
    assert (intervals["partitions"], intervals["prune"]) == (3600, 600)
    assert f"the next {migrate.DAYS_AHEAD} days every hour" in text
    assert f"over {compaction.LARGE >> 20} MB, at most {compaction.FEW_JOBS:,} jobs" in text
    assert f"with at most {compaction.FEW_BYTES >> 20} MB, and no more" in text
    assert "every 10 minutes" in text
    assert f"waiting {migrate.LOCK_TIMEOUT:g} seconds for a lock" in text
    assert f"within {pacing.HORIZON * 1000:g} ms, or within four looks" in text
    assert pacing.TURNS_AHEAD == 4
    assert f"(at most {pacing.FURTHEST * 1000:g} ms)" in text


def test_the_numbers_of_stopping_and_of_health():
    stopping, health_ = OPERATIONS.section("Signals and exit codes"), OPERATIONS.section("Health")
    assert f"it ends then within {supervisor.FAREWELL:g} s" in stopping
    assert f"{supervisor.FAREWELL:g} s more ({supervisor.HASTE:g} s at a second" in stopping
    assert f"has not gone round for {board.BOUND:g} s is `{board.HUNG}`" in health_
    assert f"waits for PostgreSQL is `{board.WAITING}`" in health_
    assert f"committed within {probes.FRESH:g} s" in health_
    assert (
        f"{health.PATIENCE:g} s and {health.ROOM // 1024} KiB; of more than {health.MOST}"
        in health_
    )
    (address,) = [f.default for f in dataclasses.fields(WorkerOptions) if f.name == "health_host"]
    assert f"open on {address} unless" in health_


def test_the_pages_of_health_are_shown_as_they_are(database, tmp_path):
    """The same loops, the same states."""
    live, ready = (json.loads(b.text) for b in OPERATIONS.blocks if b.language == "json")
    worker = Worker(database, tmp_path / "log", "--processes", "1", "--health-port", "0")

    def said(path):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=WAIT)
        connection.request("GET", path)
        return json.load(connection.getresponse())

    try:
        (line,) = worker.logged("answering /livez and /readyz")
        port = int(line.rpartition(" ")[2])
        wait_for(lambda: said("/readyz") == ready, "the worker to be ready", WAIT)
        assert said("/livez").keys() == live.keys()
        assert worker.stop() == 0
    finally:
        worker.destroy()


def test_the_settings_of_the_hot_table(connection):
    (options,) = connection.execute(
        "select reloptions from pg_class where oid = 'pgqueue.jobs_live'::regclass"
    ).fetchone()
    settings = dict(option.split("=") for option in options)
    text = OPERATIONS.section("Autovacuum, and why claims are HOT")
    assert f"filled to {settings['fillfactor']} % only" in text
    shown = dict(re.findall(r"`(\w+) = (\w+)`", text))
    assert shown
    assert {name: settings[name] for name in shown} == shown


# ── roles ────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def as_role(clean_roles, empty_database, server):
    """The page's roles, in a database that `shop_owner` has migrated: `as_role(name)` connects."""
    del clean_roles
    roles, grants, stats, _ = [
        block.text
        for block in OPERATIONS.blocks
        if block.language == "sql" and block.text in OPERATIONS.section("Roles")
    ]
    opened = []

    def dsn(role):
        return empty_database.replace(f"//{server.user}@", f"//{quote(role)}@")

    def connect(role):
        opened.append(psycopg.connect(dsn(role), autocommit=True))
        return opened[-1]

    connect.dsn = dsn
    with psycopg.connect(empty_database, autocommit=True) as superuser:
        superuser.execute(roles)
        (name,) = superuser.execute("select current_database()").fetchone()
        superuser.execute(f'grant create on database "{name}" to shop_owner')
        migrate.migrate(connect("shop_owner"))
        connect("shop_owner").execute(grants)
        superuser.execute(stats)
    yield connect
    for connection in opened:
        connection.close()


def test_a_role_that_enqueues_with_sql_can_do_nothing_else(as_role):
    connection = as_role("shop_trigger")
    (job,) = connection.execute(ENQUEUE).fetchone()
    assert job
    for forbidden in (
        "select * from pgqueue.jobs",
        "select args from pgqueue.jobs_live",
        "select pgqueue.cancel(id) from pgqueue.jobs_live",
        f"select pgqueue.retry('{job}'::uuid)",
        "select pgqueue.pause('default')",
        "update pgqueue.jobs_live set task = 'x'",
        "insert into pgqueue.jobs_live (id, state) values (gen_random_uuid(), 'running')",
        "select * from pgqueue.workers",
        "create table pgqueue.mine ()",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(forbidden)


def test_what_a_chosen_id_needs(as_role):
    enqueue = "select pgqueue.enqueue('add', id => gen_random_uuid())"
    connection = as_role("shop_trigger")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute(enqueue)
    as_role("shop_owner").execute("grant select (id, state) on pgqueue.jobs to shop_trigger")
    assert connection.execute(enqueue).fetchone()[0]


def test_what_enqueueing_from_python_alone_needs(as_role):
    app = PgQueue("web", dsn=as_role.dsn("shop_trigger"))
    try:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            app.send_task("add", [1, 2])
        as_role("shop_owner").execute(
            "grant select (id, queue, run_at, created_at) on pgqueue.jobs_live to shop_trigger"
        )
        assert app.send_task("add", [1, 2]).id
    finally:
        app.close()


@pytest.fixture
def start_worker(as_role, tmp_path, monkeypatch):
    """Starts a worker that runs as `shop_worker`; it is killed at the end."""
    (tmp_path / "shop.py").write_text(TASKS)
    monkeypatch.setenv("PGQUEUE_DSN", as_role.dsn("shop_worker"))
    started = []

    def start():
        started.append(PageWorker("pgq worker -A shop --processes 1", tmp_path, tmp_path / "log"))
        return started[-1].ready()

    yield start
    for worker in started:
        worker.destroy()


@pytest.mark.sessions("a worker says that nobody wakes it")
def test_a_worker_and_a_client_with_the_rights_that_the_page_gives_them(as_role, start_worker):
    worker = start_worker()
    app = PgQueue("web", dsn=as_role.dsn("shop_web"))
    try:
        result = app.send_task("add", [1, 2])
        assert result.get(WAIT) == 3
        assert app.send_task("together").get(WAIT) == "both"
        assert result.forget()
        later = app.send_task("add", [1, 2], countdown=3600)
        assert later.revoke()
        assert later.state == "REVOKED"
    finally:
        app.close()
    assert worker.stop() == 0
    assert not re.search("WARNING|ERROR", worker.log)


def test_a_worker_that_does_not_own_the_schema_says_that_partitions_are_missing(
    as_role, start_worker
):
    owner = as_role("shop_owner")
    owner.execute("drop table pgqueue.jobs_failed_" + _day(owner, 2))
    start_worker().logged("duty partitions: ")
    assert owner.execute("select pgqueue.create_partitions(7)").fetchone()[0] > 0


def test_a_reader_sees_and_changes_nothing(as_role):
    connection = as_role("shop_reader")
    connection.execute("select * from pgqueue.jobs, pgqueue.queue_stats, pgqueue.workers")
    assert connection.execute("select pg_has_role('pg_read_all_stats', 'usage')").fetchone()[0]
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute(ENQUEUE)


def _day(connection, ahead: int) -> str:
    asked = "select to_char((now() at time zone 'utc')::date + %s, 'YYYYMMDD')"
    return connection.execute(asked, [ahead]).fetchone()[0]
