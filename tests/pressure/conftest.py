"""The scenarios of `benchmarks/` at a small size, by counts: no noise of a machine changes them."""

from __future__ import annotations

import sys
from pathlib import Path

import psycopg
import pytest

# At the end: the pgqueue that is tested is the installed one, not the checkout's.
sys.path.append(str(Path(__file__).parents[2]))

from benchmarks import setting
from pgqueue.bench.scratch import Scratch
from support.waiting import wait_for
from support.workers import PATIENCE, Worker


@pytest.fixture
def make_place(databases, request):
    """Makes schemas whose live jobs nobody vacuums or analyzes unasked, each in its database."""

    def make():
        lent = databases.migrated()
        dsn = lent.__enter__()
        request.addfinalizer(lambda: lent.__exit__(None, None, None))
        connection = psycopg.connect(dsn, autocommit=True)
        request.addfinalizer(connection.close)
        place = Scratch(connection, dsn, None, "pgqueue")
        setting.ask(place, "leave_alone")
        return place

    return make


@pytest.fixture
def place(make_place):
    return make_place()


@pytest.fixture
def start_worker(database, tmp_path):
    """Starts `pgq worker` with the tests' tasks; whatever runs at the end is killed."""
    started = []

    def start(*options):
        log = tmp_path / f"worker-{len(started)}.log"
        started.append(Worker(database, log, "--processes", "1", *options))
        return started[-1].ready()

    yield start
    for worker in started:
        worker.destroy()


@pytest.fixture
def until():
    return lambda fact, what: wait_for(fact, what, PATIENCE)
