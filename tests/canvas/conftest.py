"""Canvas, without a database and through a real worker (see support/fixtures.py)."""

from __future__ import annotations

import pytest

from support import canvas
from support.workers import Worker


@pytest.fixture
def at_home(database):
    """The application of `support.canvas` on the test's database."""
    app = canvas.app
    app._given_dsn = database
    yield app
    app.close()
    app._given_dsn = None


@pytest.fixture
def worker_app():
    return "support.canvas"


@pytest.fixture(scope="module")
def steady_database(databases):
    """A database for all tests of a module, which look at nothing but their own."""
    with databases.migrated() as dsn:
        yield dsn


@pytest.fixture(scope="module")
def steady_worker(steady_database, tmp_path_factory):
    """A worker on it, with one process of four slots, ready."""
    app = canvas.app
    app._given_dsn = steady_database
    log = tmp_path_factory.mktemp("canvas") / "worker.log"
    worker = Worker(steady_database, log, "--processes", "1", "-c", "4", app="support.canvas")
    try:
        yield worker.ready()
    finally:
        worker.destroy()
        app.close()
        app._given_dsn = None
