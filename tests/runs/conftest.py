"""One real worker, which is one for a whole module, runs the tasks of `support.speaking`."""

from __future__ import annotations

import pytest

from support.waiting import wait_for
from support.workers import PATIENCE, Worker


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


@pytest.fixture
def send(app):
    """Enqueues a task by name: `send("echo", 1, 2, queue="other")` returns its AsyncResult."""

    def send(task, *args, kwargs=None, **options):
        return app.send_task(task, args, kwargs, **options)

    return send


@pytest.fixture
def log_table(connection):
    """The table `log`; called, it returns the texts in the order in which they were written."""
    connection.execute("drop table if exists log")
    connection.execute("create table log (number bigserial primary key, text text not null)")
    rows = "select text from log order by number"
    return lambda: [text for (text,) in connection.execute(rows).fetchall()]


@pytest.fixture
def until():
    """Waits for a fact that the worker brings about."""
    return lambda fact, what="it": wait_for(fact, what, PATIENCE)


@pytest.fixture
def lock(connect):
    """Holds an advisory lock that tasks wait for: `held = lock(1)`, later `held()` frees it."""

    def lock(key):
        connection = connect()
        connection.execute("select pg_advisory_lock(%s)", [key])
        return lambda: connection.execute("select pg_advisory_unlock(%s)", [key])

    return lock
