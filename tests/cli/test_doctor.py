"""`pgq doctor`: each finding, by itself and on a real server."""

from __future__ import annotations

from dataclasses import replace

import psycopg
import pytest

from pgqueue import operations
from pgqueue.cli import checks
from pgqueue.cli.checks import Finding
from pgqueue.rows import LiveTable, ServerFacts, VacuumHolder

SERVER = ServerFacts(
    version="15.18 (Debian)",
    version_number=150018,
    database="shop",
    user="shop",
    standby=False,
    read_only=False,
    fsync=True,
    full_page_writes=True,
    synchronous_commit="on",
    autovacuum=True,
    connections=97,
    connected=5,
    prepared_transactions=0,
    sees_all=True,
)
TABLE = LiveTable(
    autovacuum=True,
    live=10,
    dead=0,
    vacuumed=None,
    size=8192,
    rows_size=0,
    unlogged=[],
    owned=True,
)


def found(findings, check) -> Finding:
    (finding,) = [finding for finding in findings if finding.check == check]
    return finding


# ── judgements ──


def test_a_good_server_is_ok():
    findings = [*checks.judge_server(SERVER), *checks.judge_table(TABLE, autovacuum=True)]
    assert {finding.level for finding in findings} == {"ok"}
    assert found(findings, "server").text == "PostgreSQL 15.18"
    assert found(findings, "connections").text == "5 of 97 in use"


@pytest.mark.parametrize(
    ("change", "check", "level", "says"),
    [
        ({"version": "13.4", "version_number": 130004}, "server", "problem", "needs 14 or newer"),
        ({"standby": True}, "role", "problem", "target_session_attrs=read-write"),
        ({"read_only": True}, "role", "problem", "default_transaction_read_only"),
        ({"fsync": False}, "durability", "warning", "fsync off"),
        ({"full_page_writes": False}, "durability", "warning", "full_page_writes off"),
        ({"synchronous_commit": "off"}, "durability", "warning", "may lose the jobs"),
        ({"connected": 90}, "connections", "warning", "raise max_connections"),
    ],
)
def test_a_server_that_is_set_badly(change, check, level, says):
    finding = found(checks.judge_server(replace(SERVER, **change)), check)
    assert finding.level == level
    assert says in finding.text + finding.advice


@pytest.mark.parametrize(
    ("change", "autovacuum", "check", "level", "says"),
    [
        ({}, False, "autovacuum", "problem", "off for the whole server"),
        ({"autovacuum": False}, True, "autovacuum", "problem", "disabled for jobs_live"),
        ({"dead": 200_000, "vacuumed": 7200.0}, True, "jobs_live", "warning", "200,000 dead"),
        ({"rows_size": 3 << 30}, True, "files", "warning", "have 3 GB for 10 jobs"),
        ({"unlogged": ["jobs_live"]}, True, "unlogged", "warning", "would empty jobs_live"),
    ],
)
def test_a_table_that_vacuum_does_not_reach(change, autovacuum, check, level, says):
    finding = found(checks.judge_table(replace(TABLE, **change), autovacuum=autovacuum), check)
    assert finding.level == level
    assert says in finding.text
    assert finding.advice


def test_files_that_grew_are_made_small_by_a_worker_or_by_their_owner():
    grown = replace(TABLE, rows_size=3 << 30)
    own = found(checks.judge_table(grown, autovacuum=True), "files").advice
    assert "a worker with this role makes them small once" in own
    assert "fewer than 10,000 jobs wait, and no more than some hundred a second" in own
    theirs = found(checks.judge_table(replace(grown, owned=False), autovacuum=True), "files")
    assert "as their owner:  cluster jobs_live using jobs_live_id" in theirs.advice


def test_many_dead_rows_are_no_matter_right_after_a_vacuum():
    table = replace(TABLE, dead=200_000, vacuumed=5.0)
    assert found(checks.judge_table(table, autovacuum=True), "jobs_live").level == "ok"


@pytest.mark.parametrize(
    ("holder", "says"),
    [
        (
            VacuumHolder("transaction", "42", 7200.0, 10, "bob, psql, idle, select\n 1"),
            [
                "held back for 2 h by transaction 42 (bob, psql, idle, select 1)",
                "terminate_backend(42)",
            ],
        ),
        (
            VacuumHolder("prepared transaction", "gid", 7200.0, 10, "bob"),
            ["by prepared transaction gid (bob)", "rollback prepared 'gid'"],
        ),
        (
            VacuumHolder("replication slot", "s1", None, 2_000_000, "nobody reads it"),
            ["for 2,000,000 transactions by replication slot s1", "pg_drop_replication_slot('s1')"],
        ),
    ],
)
def test_who_holds_vacuum_back_is_named_with_what_to_do(holder, says):
    (finding,) = checks.judge_holders([holder], sees_all=True)
    assert finding.level == "warning"
    assert all(part in finding.text + finding.advice for part in says)


def test_short_transactions_hold_nothing_back():
    holders = [
        VacuumHolder("transaction", "42", 3.0, 1, ""),
        VacuumHolder("replication slot", "s", None, 5, ""),
    ]
    (finding,) = checks.judge_holders(holders, sees_all=True)
    assert finding == Finding(
        "ok", "vacuum", "the oldest transaction is 3 s old, so it is not held back"
    )
    blind = list(checks.judge_holders([], sees_all=False))
    assert "grant pg_read_all_stats" in blind[1].advice


@pytest.mark.parametrize(
    ("pooled", "heard", "level", "says"),
    [
        (False, True, "ok", "none"),
        (True, True, "ok", "session mode"),
        (True, False, "warning", "a transaction pooler swallows notifications"),
        (False, False, "warning", "something swallows notifications"),
    ],
)
def test_poolers(pooled, heard, level, says):
    finding = checks.judge_pooler(pooled=pooled, heard=heard)
    assert finding.level == level
    assert says in finding.text
    assert ("PGQUEUE_LISTEN_DSN" in finding.advice) is not heard


def test_a_pooler_beside_a_direct_connection_for_notifications():
    heard = checks.judge_pooler(pooled=True, heard=True, apart=True)
    assert (heard.level, heard.text) == ("ok", "a pooler; notifications arrive over listen_dsn")
    deaf = checks.judge_pooler(pooled=True, heard=False, apart=True)
    assert (deaf.level, deaf.advice) == ("warning", "make it one")
    assert deaf.text.endswith("for listen_dsn is no direct connection")


def test_missing_partitions_and_rows_without_one():
    partitions = [("failed", "2026-11-22", True), ("failed", "2026-11-23", False)]
    missing, strays = checks.judge_history(partitions, [("failed", 1200)])
    assert missing.text == "no partition for failed 2026-11-23"
    assert strays.text == "in default partitions: 1,200 failed"
    assert {missing.level, strays.level} == {"warning"}


# ── a real server ──


def findings(pgq, *options):
    said = pgq("doctor", "--json", *options)
    return said.code, [Finding(**finding) for finding in said.json]


@pytest.mark.sessions("the doctor finds the pooler")
def test_a_healthy_database(pgq, jobs):
    jobs.register("w1")
    code, all_of_them = findings(pgq)
    assert code == 0
    odd = {finding.check for finding in all_of_them if finding.level != "ok"}
    assert odd <= {"durability"}  # the suite's servers sync nothing
    assert found(all_of_them, "pooler").text == "none; notifications arrive"
    assert found(all_of_them, "schema").text == "pgqueue is this release's"
    assert found(all_of_them, "workers").text == "1 worker alive"


def test_a_line_a_finding_and_a_summary(pgq):
    said = pgq("doctor")
    assert said.code == 0
    assert said.lines[0].startswith("ok       connection   ")
    index = next(i for i, line in enumerate(said.lines) if line.startswith("warning  workers"))
    assert said.lines[index] == "warning  workers      none is alive"
    assert said.lines[index + 1] == " " * 22 + "start one: pgq worker -A …"
    assert said.lines[-1].split()[1].startswith("warning")
    assert max(map(len, said.lines)) <= 100


def test_no_connection_is_a_problem(pgq_without_database):
    code, (finding,) = findings(pgq_without_database, "--dsn", "host=/nowhere password=hunter2")
    assert (code, finding.level, finding.check) == (1, "problem", "connection")
    assert "hunter2" not in finding.text


def test_no_database_at_all_is_a_problem(pgq_without_database):
    code, (finding,) = findings(pgq_without_database)
    assert code == 1
    assert finding.text.startswith("no database is named")


def test_a_schema_that_is_not_there_is_a_problem(pgq, empty_database):
    code, all_of_them = findings(pgq, "--dsn", empty_database)
    assert code == 1
    assert all_of_them[-1] == Finding(
        "problem", "schema", "pgqueue is not there: run 'pgq migrate'"
    )


def test_a_function_of_another_release_is_a_warning(pgq, connection):
    connection.execute(
        "update pgqueue.schema_files set sha256 = 'x' where path like 'functions/wake%'"
    )
    code, all_of_them = findings(pgq)
    assert code == 0
    assert found(all_of_them, "schema").text == "pgqueue has another release's functions/wake.sql"


def test_partitions_that_nobody_made(pgq, jobs):
    jobs.finished(jobs.register())
    day = jobs.value("select to_char(now() at time zone 'utc', 'YYYYMMDD')")
    jobs.connection.execute(f"drop table pgqueue.jobs_failed_{day}")
    jobs.run(operations.cancel([jobs.add()]))
    jobs.connection.execute(
        f"alter table pgqueue.jobs_cancelled detach partition pgqueue.jobs_cancelled_{day}"
    )
    jobs.run(operations.cancel([jobs.add()]))
    _, all_of_them = findings(pgq)
    missing, strays = [f for f in all_of_them if f.check == "partitions"]
    assert missing.text.startswith("no partition for failed ")
    assert strays.text == "in default partitions: 1 cancelled"


def test_autovacuum_disabled_for_the_hot_table(pgq, connection):
    connection.execute("alter table pgqueue.jobs_live set (autovacuum_enabled = off)")
    code, all_of_them = findings(pgq)
    assert code == 1
    assert found(all_of_them, "autovacuum").text == "disabled for jobs_live"


def test_an_open_transaction_is_named(pgq, connect, monkeypatch):
    monkeypatch.setattr(checks, "LONG_TRANSACTION", -1)
    other = connect(application_name="report")
    pid = other.info.backend_pid
    with other.transaction():
        other.execute("select txid_current(), 'much work'")
        _, all_of_them = findings(pgq)
    (finding,) = [f for f in all_of_them if f.check == "vacuum" and f" {pid} " in f.text]
    assert "report, idle in transaction, select txid_current(), 'much work'" in finding.text
    assert finding.advice == f"end it: select pg_terminate_backend({pid})"


def test_a_sleepers_lock_without_a_worker(pgq, jobs, connect, monkeypatch):
    monkeypatch.setattr(checks, "GATE_PATIENCE", 0)
    jobs.add()
    sleeper = connect(application_name="pgqueue listen")
    sleeper.execute("select pg_advisory_lock_shared(pgqueue.gate('default'))")
    _, all_of_them = findings(pgq)
    pid = sleeper.info.backend_pid
    finding = found(all_of_them, "gates")
    assert finding.text == (
        f"server process {pid} (pgqueue listen) says that a worker of queue default sleeps, "
        "but there is none"
    )
    jobs.register()
    assert found(findings(pgq)[1], "gates").level == "ok"


def test_jobs_that_nobody_can_run_and_paused_queues_and_lost_workers(pgq, jobs):
    jobs.register("gone", lease=-1)
    jobs.add("strange")
    jobs.run(operations.pause("default"))
    code, all_of_them = findings(pgq)
    assert code == 0
    assert found(all_of_them, "tasks").text == (
        "1 job of strange in queue default: no live worker can run it"
    )
    assert found(all_of_them, "queues").advice == "pgq queues resume default"
    lost, none = [f for f in all_of_them if f.check == "workers"]
    assert lost.text.startswith("gone (pid 1 on host) has been silent for ")
    assert none.text == "none is alive"


def test_a_check_that_the_database_refuses_is_a_finding(pgq, connection, database):
    connection.execute("drop role if exists reader")
    connection.execute("create role reader login")
    connection.execute("grant usage on schema pgqueue to reader")
    connection.execute("grant select on pgqueue.schema_files to reader")
    dsn = psycopg.conninfo.make_conninfo(database, user="reader")
    try:
        _, all_of_them = findings(pgq, "--dsn", dsn)
    finally:
        connection.execute("drop owned by reader")
        connection.execute("drop role reader")
    refused = [
        f.check for f in all_of_them if f.text.startswith("could not be looked at: permission")
    ]
    assert {"workers", "tasks"} <= set(refused)


def test_a_newer_schema_is_told_apart_from_one_that_this_release_cannot_work_with(pgq, connection):
    insert = "insert into pgqueue.schema_files (path, sha256) values (%s, 'x')"
    connection.execute(insert, ["migrations/9998_adds.sql"])
    _, all_of_them = findings(pgq)
    assert found(all_of_them, "schema") == Finding(
        "warning",
        "schema",
        "pgqueue has migrations/9998_adds.sql of a newer release; this one can work with it",
        "upgrade the package",
    )
    connection.execute(insert, ["migrations/9999_drops.needs_9998.sql"])
    code, all_of_them = findings(pgq)
    assert (code, all_of_them[-1].level) == (1, "problem")
    assert "is newer than this pgqueue: it has migrations/9999" in all_of_them[-1].text
