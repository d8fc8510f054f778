"""Canvas, without a database and through a real worker (see tests/worker/conftest.py)."""

from __future__ import annotations

from itertools import count

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


@pytest.fixture
def start_worker(database, tmp_path):
    """Starts `pgq worker`; whatever runs at the end is killed."""
    started = []
    numbers = count(1)

    def start(*options, **about):
        log = tmp_path / f"worker-{next(numbers)}.log"
        started.append(Worker(database, log, *options, app="support.canvas", **about))
        return started[-1]

    yield start
    for worker in started:
        worker.destroy()


@pytest.fixture
def worker(at_home, start_worker):
    """A worker with one process of four slots, ready."""
    return start_worker("--processes", "1", "-c", "4").ready()


@pytest.fixture(scope="module")
def steady_worker(databases, tmp_path_factory):
    """A worker and a database for all tests of a module, which look at nothing but their own."""
    app = canvas.app
    with databases.migrated() as dsn:
        app._given_dsn = dsn
        log = tmp_path_factory.mktemp("canvas") / "worker.log"
        worker = Worker(dsn, log, "--processes", "1", "-c", "4", app="support.canvas")
        try:
            yield worker.ready()
        finally:
            worker.destroy()
            app.close()
            app._given_dsn = None


@pytest.fixture
def log_table(connection):
    """The table `log`; called, it returns the texts in the order in which they were written."""
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
