"""What is read off the machine and the server is what happened."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace

import psycopg
import pytest

from pgqueue.bench import meters, processes
from pgqueue.bench.meters import Meter, Spent, worker_memory, worker_reading
from support.waiting import wait_for

#: Occupies a processor for half a second, and says when it has.
BURN = "import time\nwhile time.process_time() < 0.5: pass\nprint('done', flush=True)\ninput()"


@pytest.fixture
def meter(scratch):
    return Meter(scratch)


@pytest.fixture
def burning():
    """A child process that has used half a second of processor time."""
    with subprocess.Popen(
        [sys.executable, "-c", BURN], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        process.stdout.readline()
        yield process
        process.stdin.close()
        process.kill()


# ── the machine ──


def test_a_process_is_read_with_its_times_and_its_parent(burning):
    found = processes.process(burning.pid)
    assert found.parent == os.getpid()
    assert found.cpu >= 0.4
    assert found.started >= processes.process(os.getpid()).started


def test_a_name_cannot_break_the_reading(tmp_path):
    odd = tmp_path / "a) b (c"
    odd.symlink_to(sys.executable)
    with subprocess.Popen([odd, "-c", "input()"], stdin=subprocess.PIPE) as process:
        name = wait_for(
            lambda: (found := processes.process(process.pid)) and ")" in found.name and found.name,
            "the program to be there",
        )
        assert name == "a) b (c"
        assert processes.process(process.pid).parent == os.getpid()
        process.kill()


def test_children_are_found_and_counted_to_the_worker_that_has_them(burning):
    assert burning.pid in {child.pid for child in processes.children(os.getpid())}
    before = worker_reading(os.getpid())
    assert before.children >= 0.4
    assert burning.pid in {each.pid for each in processes.children(os.getpid())}
    burning.kill()
    burning.wait()
    after = worker_reading(os.getpid()) - before
    assert after.children >= -0.1, "the time of one that has ended is kept"


def test_memory_is_that_of_a_process_and_of_its_children(burning):
    found = worker_memory(os.getpid())
    assert found.supervisor.peak >= found.supervisor.resident > 1_000_000
    assert any(each.resident > 1_000_000 for each in found.children)
    assert processes.memory(burning.pid).resident > 1_000_000


def test_what_is_gone_has_no_figures():
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        pass
    assert processes.process(process.pid) is None
    assert processes.memory(process.pid) is None
    assert worker_reading(process.pid).supervisor is None


# ── the server ──


def test_wal_is_what_a_statement_writes(scratch, meter):
    before = meter.read()
    scratch.fill(1000)
    spent = meter.read() - before
    assert 1000 * 200 < spent.wal < 1000 * 10_000
    nothing = meter.read()
    assert (meter.read() - nothing).wal < spent.wal / 10


def test_commits_are_those_of_the_others(database, scratch, meter):
    before = meter.read()
    with psycopg.connect(database, autocommit=True) as other:
        for _ in range(50):
            other.execute("select 1")
    for _ in range(20):
        scratch.clock()

    def counted():
        commits = (meter.read() - before).commits
        return commits if commits >= 50 else None

    assert wait_for(counted, "the other's commits") <= 53  # and what its end may have counted


def test_the_server_uses_a_processor_for_others_but_not_for_the_meter(database, scratch, meter):
    assert meter.is_local
    work = "select count(md5(i::text)) from generate_series(1, 800000) i"
    before = meter.read()
    with psycopg.connect(database, autocommit=True) as other:
        other.execute("set max_parallel_workers_per_gather = 0")
        other.execute(work)
    theirs = (meter.read() - before).server_cpu
    before = meter.read()
    scratch.connection.execute(work)
    ours = (meter.read() - before).server_cpu
    assert theirs > 0.05, "one that has ended is counted, too"
    assert ours < theirs / 2


def test_a_server_that_is_elsewhere_is_not_measured(scratch, monkeypatch):
    monkeypatch.setattr(processes, "process", lambda _: None)  # as on another machine
    meter = Meter(scratch)
    assert not meter.is_local
    before = meter.read()
    assert (meter.read() - before).server_cpu is None


def test_a_process_of_the_same_number_is_not_taken_for_the_server(scratch, monkeypatch):
    backend = processes.process(scratch.connection.info.backend_pid)
    namesake = replace(backend, started=backend.started - 60)
    monkeypatch.setattr(processes, "process", lambda _: namesake)
    assert not Meter(scratch).is_local


def test_a_checkpoint_is_noticed(scratch, meter):
    before = meter.read()
    assert not (meter.read() - before).checkpointed
    scratch.fill(10)
    scratch.connection.execute("checkpoint")
    assert (meter.read() - before).checkpointed


# ── what else went on ──


def spent(**figures):
    usual = {
        "seconds": 10.0, "wal": 0, "commits": 0, "server_cpu": 4.0, "checkpointed": False,
        "elsewhere": 0, "own_cpu": 1.0, "machine": 8.0,
    }  # fmt: skip
    return Spent(**usual | figures)


@pytest.mark.parametrize(
    ("machine", "ours", "used", "others"),
    [
        (8.0, 4.0, 3.0, 0.0),  # all of it was the server's, ours and the clients'
        (12.0, 4.0, 3.0, 0.2),  # 4 of 20 seconds were somebody else's
        (7.0, 4.0, 3.0, 0.0),  # ticks of the clock do not add up to the last digit
        (8.0, None, 3.0, 0.2),  # the server's are not of this machine
        (None, 4.0, 3.0, None),
        (8.0, 4.0, None, None),
    ],
)
def test_others_are_whoever_is_not_measured(monkeypatch, machine, ours, used, others):
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    found = meters.noise([spent(machine=machine, server_cpu=ours)], used)
    assert found.others == (None if others is None else pytest.approx(others))


def test_noise_is_that_of_all_stretches():
    quiet, loud = spent(), spent(checkpointed=True, elsewhere=70)
    assert meters.noise([loud, quiet, loud], 3.0).checkpoints == 2
    assert meters.noise([loud, quiet, loud], 3.0).elsewhere == 140


def test_commits_in_other_databases_are_seen(databases, scratch, meter):
    before = meter.read()
    with databases.empty() as dsn, psycopg.connect(dsn, autocommit=True) as other:
        for _ in range(30):
            other.execute("select 1")
        other.close()
        wait_for(lambda: (meter.read() - before).elsewhere >= 30, "the other's commits")
