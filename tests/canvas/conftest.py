"""Canvas, without a database and through a real worker (see tests/worker/conftest.py)."""

from __future__ import annotations

import pytest

from support import canvas
from support.waiting import wait_for
from support.workers import PATIENCE, Worker


@pytest.fixture
def at_home(database):
    """The application of `support.canvas` on the test's database."""
    app = canvas.app
    app._given_dsn = database
    yield app
    app.close()
    app._given_dsn = None


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


@pytest.fixture
def log_table(connection):
    """The table `log`; called, it returns the texts in the order in which they were written."""
    connection.execute("drop table if exists log")
    connection.execute("create table log (number bigserial primary key, text text not null)")
    rows = "select text from log order by number"
    return lambda: [text for (text,) in connection.execute(rows).fetchall()]


@pytest.fixture
def until():
    """Waits for a fact that a worker brings about."""
    return lambda fact, what="it": wait_for(fact, what, PATIENCE)


@pytest.fixture
def lock(connect):
    """Holds an advisory lock that tasks wait for: `held = lock(1)`, later `held.free()`."""

    class Held:
        def __init__(self, key):
            self._connection = connect()
            self._key = key
            self._connection.execute("select pg_advisory_lock(%s)", [key])

        def free(self):
            self._connection.execute("select pg_advisory_unlock(%s)", [self._key])

    return Held
