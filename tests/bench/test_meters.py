"""What is read off the machine and the server is what happened."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace

import psycopg
import pytest

from pgqueue.bench import processes
from pgqueue.bench.meters import Meter, worker_memory, worker_reading
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
