"""One real worker, which is one for a whole module, runs the tasks of `support.speaking`."""

from __future__ import annotations

import pytest

from support.workers import Worker


@pytest.fixture(scope="module")
def database(databases):
    """A database for all tests of a module, which look at nothing but their own jobs."""
    with databases.migrated() as dsn:
        yield dsn


@pytest.fixture(scope="module")
def worker(database, tmp_path_factory):
    """A worker named "here", with one process of four slots, ready; for two queues."""
    log = tmp_path_factory.mktemp("here") / "worker.log"
    options = ("--processes", "1", "-c", "4", "-n", "here", "-Q", "default,other")
    worker = Worker(database, log, *options, app="support.speaking")
    try:
        yield worker.ready()
    finally:
        worker.destroy()
