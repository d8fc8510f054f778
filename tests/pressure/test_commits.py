"""Nobody pays for a NOTIFY while every worker is busy."""

from __future__ import annotations

import pytest

from benchmarks import commits
from support.jobs import Jobs

CONNECTIONS, ENQUEUES = 4, 100
GATE = """
    select pgqueue.gate('default') in (
        select (classid::bigint << 32) | objid::bigint from pg_locks where locktype = 'advisory')
"""


@pytest.fixture
def heard(connect, connection):
    """Returns how many notifications of jobs there were up to now."""
    listener = connect()
    listener.execute('listen "pgqueue.jobs"')
    listener.execute("listen marker")

    def heard():
        connection.execute("notify marker")  # delivered in order of commit: the last one
        channels = []
        while not channels or channels[-1] != "marker":
            channels += [n.channel for n in listener.notifies(timeout=20, stop_after=1)]
        return len(channels) - 1

    return heard


@pytest.fixture
def hold(connect):
    """Holds an advisory lock, for which the task `hold` waits, until the end of the test."""
    holder = connect()

    def hold(key):
        holder.execute("select pg_advisory_lock(%s)", [key])

    return hold


def test_no_enqueue_notifies_while_every_slot_is_taken(
    connect, connection, app, start_worker, hold, heard, until
):
    hold(1)
    start_worker("-c", "2")
    held = [app.send_task("hold", [1]) for _ in range(2)]
    until(lambda: all(job.state == "STARTED" for job in held), "two jobs that run")
    until(lambda: not connection.execute(GATE).fetchone()[0], "the worker to get up")
    heard()
    enqueuers = [Jobs(connect()) for _ in range(CONNECTIONS)]
    for number in range(ENQUEUES):
        enqueuers[number % CONNECTIONS].add()
    assert heard() == 0
    assert [job.state for job in held] == ["STARTED", "STARTED"]


def test_the_first_enqueue_notifies_a_worker_that_sleeps(
    connect, connection, start_worker, heard, until
):
    """Were the gate not seen here, the test above could not fail."""
    start_worker("-c", "2")
    until(lambda: connection.execute(GATE).fetchone()[0], "the worker to lie down")
    heard()
    Jobs(connect()).add()
    assert heard() == 1


@pytest.mark.parametrize("way", commits.WAYS)
def test_what_pgbench_sends_is_an_enqueue(connection, way):
    connection.execute(commits.script(way, "pgqueue"))
    assert connection.execute("select count(*) from pgqueue.jobs_live").fetchone() == (1,)
