"""Real workers, and an application that tells them what to do."""

from __future__ import annotations

from itertools import count

import pytest

from support.jobs import Jobs
from support.poolers import BEATS_OFTEN, is_pooled
from support.waiting import wait_for
from support.workers import PATIENCE, Worker


@pytest.fixture
def start_worker(database, tmp_path):
    """Starts `pgq worker` with a name and options; whatever runs at the end is killed."""
    started = []
    numbers = count(1)

    def start(name="w1", *options, **about):
        log = tmp_path / f"worker-{next(numbers)}.log"
        about.setdefault("app", "support.controlled")
        if is_pooled(database):
            about["patches"] = {**BEATS_OFTEN, **about.get("patches", {})}
        started.append(Worker(database, log, "-n", name, *options, **about))
        return started[-1]

    yield start
    for worker in started:
        worker.destroy()


@pytest.fixture
def worker(start_worker):
    """A worker `w1` with one process of four slots, ready."""
    return start_worker("w1", "--processes", "1", "-c", "4").ready()


@pytest.fixture
def control(app):
    return app.control


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
def until():
    """Waits for a fact that a worker brings about: `until(lambda: result.state == "STARTED")`."""
    return lambda fact, what="it": wait_for(fact, what, PATIENCE)


@pytest.fixture
def begun(connection):
    """Waits until so many runs of `say_and_do` and its like have said that they run."""
    connection.execute("create table begun (what text not null, pid integer not null)")

    def begun(what, times=1):
        def said():
            rows = connection.execute("select pid from begun where what = %s", [what]).fetchall()
            return [pid for (pid,) in rows] if len(rows) >= times else None

        return wait_for(said, f"{times} runs of {what!r}", PATIENCE)

    return begun


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
