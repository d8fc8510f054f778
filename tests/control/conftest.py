"""Real workers, and an application that tells them what to do."""

from __future__ import annotations

import pytest

from support.poolers import BEATS_OFTEN, is_pooled
from support.waiting import wait_for
from support.workers import PATIENCE


@pytest.fixture
def worker_app():
    return "support.controlled"


@pytest.fixture
def start_worker(start_worker, database):
    """Starts `pgq worker` with a name and options; whatever runs at the end is killed."""

    def start(name="w1", *options, **about):
        if is_pooled(database):
            about["patches"] = {**BEATS_OFTEN, **about.get("patches", {})}
        return start_worker("-n", name, *options, **about)

    return start


@pytest.fixture
def worker(start_worker):
    """A worker `w1` with one process of four slots, ready."""
    return start_worker("w1", "--processes", "1", "-c", "4").ready()


@pytest.fixture
def control(app):
    return app.control


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
