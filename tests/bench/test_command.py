"""`pgq bench` from its first line to its last, at a tiny size."""

from __future__ import annotations

import json
import signal

import pytest
from running import TINY

from pgqueue.bench import report
from pgqueue.bench.run import MEASURES
from pgqueue.bench.tasks import SCHEMA
from support.waiting import wait_for
from support.workers import process_exists

WIDTH = 100


@pytest.fixture
def measured(whole):
    return lambda name: whole[0]["measures"][name]


# ── what it finds ──


def test_json_is_one_object_with_settings_and_every_measure(whole, server):
    document, _ = whole
    settings = document["settings"]
    assert document["measures"].keys() == MEASURES.keys()
    assert settings["postgresql"].startswith(f"{server.major}")
    assert settings["server"]["fsync"] == "off", "the servers of the suite"
    assert settings["size"]["jobs"] == 300
    assert all(settings[name] for name in ("python", "psycopg", "pgqueue", "cores", "worker"))


def test_it_leaves_no_schema_behind_and_the_users_own_as_it_is(whole):
    assert whole[1] == {"pgqueue"}


@pytest.mark.parametrize(("name", "producers"), [("enqueue", 1), ("producers", 2)])
def test_enqueueing_takes_turns_and_adds_up(measured, name, producers):
    found = measured(name)
    ways = [each["way"] for each in found["slices"]]
    assert ways == ["delay", "bare"] * (len(ways) // 2)
    assert found["producers"] == producers
    for way in ("delay", "bare"):
        own = [each for each in found["slices"] if each["way"] == way]
        side = found[way]
        assert side["jobs"] == sum(each["jobs"] for each in own) > 0
        seconds = sum(each["seconds"] for each in own)
        assert side["per_second"] == pytest.approx(side["jobs"] / seconds)
        assert 0 < side["latency"]["p50"] <= side["latency"]["p99"] <= side["latency"]["max"]
        assert side["wal"] > 100
    assert found["share"] == pytest.approx(
        found["delay"]["per_second"] / found["bare"]["per_second"]
    )


def test_one_call_is_one_commit_and_one_round_trip(measured):
    for way in ("delay", "bare"):
        side = measured("enqueue")[way]
        assert side["round_trips"] == 1
        assert side["commits"] == pytest.approx(1, abs=0.1)


def test_bulk_is_a_few_transactions_of_all_jobs(measured):
    found = measured("bulk")
    assert [run["jobs"] for run in found["runs"]] == [300] * 3
    assert found["jobs"] == 900
    assert found["per_second"] == pytest.approx(900 / sum(run["seconds"] for run in found["runs"]))
    assert found["wal"] > 100


def test_draining_counts_every_job_once(measured):
    found = measured("drain")
    assert found["jobs"] == sum(found["in_each_second"]) == 300
    assert [run["jobs"] for run in found["baseline"]] == [150, 150]
    assert found["per_second"] == pytest.approx(300 / found["seconds"])
    assert found["share"] == pytest.approx(found["per_second"] / found["baseline_per_second"])
    assert found["first_start"] > 0


def test_draining_measures_what_it_costs(measured):
    found = measured("drain")
    assert found["connections"] == 2
    assert found["wal"] > 100
    assert 0 < found["commits"] < 1
    assert 0 < found["round_trips"] < 1
    assert found["start_up_cpu"] > 0
    assert found["memory"]["supervisor"]["peak"] > 10_000_000
    assert len(found["memory"]["children"]) == found["processes"] + 1  # and their guardian


def test_an_idle_worker_picks_every_job_up(measured):
    found = measured("pickup")
    assert found["slept"]
    assert found["jobs"] == len(found["each_waited"]) == len(found["each_delay"]) == 20
    assert 0 < found["waited"]["p50"] <= found["waited"]["max"] == max(found["each_waited"])


def test_a_backlog_is_what_was_enqueued_and_has_not_finished(measured):
    found = measured("mixed")
    assert found["enqueued"] == found["finished_meanwhile"] + found["backlog_at_end"]
    assert found["backlog"][-1][1] == found["backlog_at_end"]
    assert found["share"] == pytest.approx(
        2 * found["beside"] / (found["alone_before"] + found["alone_after"])
    )


# ── how it looks ──


def test_tables_fit_and_name_their_units(start_bench):
    code, out, err = start_bench(*TINY).ended()
    assert code == 0, err
    lines = out.splitlines()
    assert max(map(len, lines)) <= WIDTH
    for unit in ("jobs/s", "ms", "µs/job", "B/job", "MB"):
        assert unit in out
    assert "PostgreSQL" in lines[0]
    for title in ("enqueue: ", "bulk: ", "drain: ", "pickup: ", "mixed: "):
        assert sum(line.startswith(title) for line in lines) == 1 + (title == "enqueue: ")
    assert "pgq bench: drain: a worker and 300 jobs" in err.splitlines()


def test_every_measure_has_a_table():
    assert report.TABLES.keys() == MEASURES.keys()


def test_only_what_is_named_is_measured(start_bench):
    code, out, err = start_bench("pickup", "--json", "--scale", "0.01").ended()
    assert code == 0, err
    document = json.loads(out)
    assert document["measures"].keys() == {"pickup"}
    assert document["measures"]["pickup"]["jobs"] == 2


# ── how it ends ──


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_it_drops_its_schema_and_ends_what_it_started(
    start_bench, connection, schemas, number
):
    bench = start_bench("pickup", "--scale", "100")
    bench.said("pickup: ")
    pids = wait_for(lambda: _at_work(connection), "jobs that are picked up")
    bench.process.send_signal(number)
    code, out, _ = bench.ended()
    assert code == 130
    assert "Traceback" not in out
    assert schemas() == {"pgqueue"}
    wait_for(lambda: not any(map(process_exists, pids)), "the end of the worker")


def test_killed_it_leaves_no_process_behind(start_bench, connection):
    bench = start_bench("pickup", "--scale", "100")
    bench.said("pickup: ")
    pids = wait_for(lambda: _at_work(connection), "jobs that are picked up")
    bench.process.kill()
    bench.ended()
    wait_for(lambda: not any(map(process_exists, pids)), "the end of the worker", 30)


def test_a_schema_of_that_name_is_refused_and_not_touched(start_bench, connection):
    connection.execute(f"create schema {SCHEMA}")
    connection.execute(f"create table {SCHEMA}.mine as select 7 as x")
    code, out, err = start_bench(*TINY).ended()
    assert (code, out) == (1, "")
    assert err.startswith(f"pgq: database {connection.info.dbname!r} has a schema {SCHEMA!r}")
    assert connection.execute(f"select x from {SCHEMA}.mine").fetchall() == [(7,)]


def test_kept_it_can_be_looked_at(start_bench, connection):
    code, _, err = start_bench("drain", "--keep", "--scale", "0.001").ended()
    assert code == 0, err
    found = connection.execute(f"select state::text, count(*) from {SCHEMA}.jobs group by 1")
    assert found.fetchall() == [("succeeded", 25)]


def _at_work(connection):
    """The process ids of a bench's workers, once one has jobs from a producer that is at it."""
    made = connection.execute("select to_regclass(%s)", [f"{SCHEMA}.workers"]).fetchone()[0]
    jobs = made and connection.execute(
        f"select count(*) from {SCHEMA}.jobs where task = 'bench.stamp'"
    )
    if not jobs or jobs.fetchone()[0] < 5:
        return []
    rows = connection.execute(f"select pid from {SCHEMA}.workers where stopped_at is null")
    return [pid for (pid,) in rows]
