"""Fixtures around real workers, for all folders: a plugin of `tests/conftest.py`.

`start_worker` runs the application that `worker_app` names; a folder with tasks of its own says
another one.
"""

from __future__ import annotations

from itertools import count

import pytest

from support.jobs import Jobs
from support.waiting import wait_for
from support.workers import PATIENCE, Worker


@pytest.fixture
def worker_app():
    """The application that workers run."""
    return "support.tasks"


@pytest.fixture
def start_worker(database, tmp_path, worker_app):
    """Starts `pgq worker` with the given options; whatever runs at the end is killed."""
    started = []
    numbers = count(1)

    def start(*options, **about):
        log = tmp_path / f"worker-{next(numbers)}.log"
        started.append(Worker(database, log, *options, **{"app": worker_app, **about}))
        return started[-1]

    yield start
    for worker in started:
        worker.destroy()


@pytest.fixture
def worker(start_worker):
    """A worker with one process of four slots, ready."""
    return start_worker("--processes", "1", "-c", "4").ready()


@pytest.fixture(scope="module")
def module_database(databases):
    """A database for all tests of a module, which look at nothing but their own jobs.

    Where it is theirs, they say so: a fixture `database` of the module's scope that returns it.
    """
    with databases.migrated() as dsn:
        yield dsn


@pytest.fixture(scope="module")
def start_module_worker(module_database, tmp_path_factory):
    """Starts a worker on it that is one for all tests of the module, ready."""
    started = []

    def start(*options, **about):
        log = tmp_path_factory.mktemp("module") / "worker.log"
        started.append(Worker(module_database, log, *options, **about))
        return started[-1].ready()

    yield start
    for worker in started:
        worker.destroy()


@pytest.fixture
def send(app):
    """Enqueues a task by name: `send("add", 1, 2, queue="mail")` returns its AsyncResult."""

    def send(task, *args, kwargs=None, **options):
        return app.send_task(task, args, kwargs, **options)

    return send


@pytest.fixture
def jobs(connection):
    """Operations on `connection`."""
    return Jobs(connection)


@pytest.fixture
def log_table(connection):
    """The table `log`; called, it returns the texts in the order in which they were written."""
    connection.execute("drop table if exists log")  # another test's, where they share a database
    connection.execute("create table log (number bigserial primary key, text text not null)")
    rows = "select text from log order by number"
    return lambda: [text for (text,) in connection.execute(rows).fetchall()]


@pytest.fixture
def until():
    """Waits for a fact that a worker brings about: `until(lambda: result.state == "STARTED")`."""
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
