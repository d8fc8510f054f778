"""Workers keep schedules: each time has one job, whatever happens to whom."""

from __future__ import annotations

import json
import signal
from datetime import datetime, timedelta
from functools import partial
from itertools import pairwise

import pytest

from pgqueue import operations

STEP = timedelta(seconds=0.5)
#: A process whose own clock is half a minute ahead.
AHEAD = "import time; real = time.time; time.time = lambda: real() + 30.0\n"
CUT = (
    "select pg_terminate_backend(pid) from pg_stat_activity "
    "where application_name like 'pgqueue beat%' and datname = current_database()"
)


@pytest.fixture
def start(start_worker):
    """Starts `pgq beat`, or `pgq worker`, with an application that has schedules."""
    return partial(start_worker, app="support.scheduled")


@pytest.fixture
def fires(jobs):
    """The fires of the schedule of every half a second, oldest first."""
    return lambda: jobs.run(operations.fires("often", 1000))[::-1]


@pytest.fixture
def more(fires, until):
    """Waits until there have been so many fires more."""

    def more(number=2):
        there = len(fires())
        until(lambda: len(fires()) >= there + number, f"{number} more fires")

    return more


def gaps(fires):
    return {after.fire_time - before.fire_time for before, after in pairwise(fires)}


def test_a_worker_keeps_what_is_declared_and_what_is_added(
    start, fires, jobs, more, until, connection
):
    worker = start("--processes", "1", "-c", "4")
    more(3)
    worker.logged("beat_init was sent")
    rows = {row.name: row for row in jobs.run(operations.schedules())}
    assert rows.keys() == {"often", "nightly", "hourly", "yearly"}
    assert {row.source for row in rows.values()} == {"scheduled"}
    assert (rows["nightly"].schedule, rows["nightly"].priority) == ("30 2 * * *", 3)
    assert (rows["yearly"].timezone, rows["yearly"].overlap) == ("Europe/Berlin", "skip")
    assert gaps(fires()) == {STEP}
    first = fires()[0]
    until(lambda: jobs.get(first.job_id).state == "succeeded")
    notes = json.loads(jobs.get(first.job_id).result)
    assert notes["schedule"] == "often"
    assert datetime.fromisoformat(notes["fire_time"]) == first.fire_time
    connection.execute("select pgqueue.add_schedule('mine', 'tick', 'every 0.1 seconds')")
    until(lambda: jobs.run(operations.fires("mine")), "one that is added at run time")


def test_whatever_happens_to_a_scheduler_no_time_is_lost_or_doubled(start, fires, more, connection):
    first = start(command="beat").ready()
    second = start(command="beat", prelude=AHEAD).ready()
    first.logged("beat_init was sent")
    more()
    first.signal(signal.SIGKILL)
    more()
    third = start(command="beat").ready()
    second.signal(signal.SIGSTOP)
    more()
    connection.execute(CUT)
    more()
    second.signal(signal.SIGCONT)
    more()
    assert second.stop() == third.stop() == 0
    assert gaps(fires()) == {STEP}
    # Nobody was there for longer than it takes to take over.
    late = max(each.fired_at - each.fire_time for each in fires())
    assert late < timedelta(seconds=10)
    assert connection.execute("select count(*) from pgqueue.jobs").fetchone() == (len(fires()),)


def test_a_worker_without_a_scheduler_keeps_none(start, jobs):
    start("--processes", "1", "--without-scheduler").ready()
    assert jobs.run(operations.schedules()) == []
