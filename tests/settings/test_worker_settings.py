"""What a worker takes from the settings, and what its command line has the last word in."""

from __future__ import annotations

import re

import pytest

from pgqueue import TimeLimitExceeded

APP = """
    import os
    from pgqueue import PgQueue

    app = PgQueue("shop")
    app.conf.update({settings})

    @app.task(name="pid")
    def pid():
        return os.getpid()

    @app.task(name="limits", bind=True)
    def limits(self):
        return [self.request.time_limit, self.request.soft_time_limit]

    @app.task(name="own", bind=True, time_limit=9)
    def own(self):
        return [self.request.time_limit, self.request.soft_time_limit]
"""


@pytest.fixture
def shop(write):
    """Writes the application, with settings."""
    return lambda **settings: write("shopjobs.py", APP.format(settings=repr(settings)))


def shape(worker):
    """Return how many slots, processes, and which queues it says that it has."""
    (line,) = worker.logged("is ready")
    queues, slots, processes = re.search(
        r"queues (.+), (\d+) slots in (\d+) processes", line
    ).groups()
    return queues, int(slots), int(processes)


@pytest.mark.parametrize(
    ("settings", "options", "environment", "expected"),
    [
        ({"worker_concurrency": 3}, ["--processes", "2"], {}, (3, 2)),
        ({"worker_concurrency": 1}, [], {}, (1, 1)),
        ({"worker_concurrency": 3}, ["-c", "5", "--processes", "1"], {}, (5, 1)),
        (
            {"worker_concurrency": 3},
            ["--processes", "1"],
            {"PGQUEUE_WORKER_CONCURRENCY": "6"},
            (3, 1),
        ),
        ({}, ["--processes", "1"], {"PGQUEUE_WORKER_CONCURRENCY": "6"}, (6, 1)),
    ],
)
def test_how_many_jobs_run_at_once(shop, start_worker, settings, options, environment, expected):
    shop(**settings)
    worker = start_worker(*options, app="shopjobs", **environment)
    assert shape(worker)[1:] == expected
    assert worker.stop() == 0


def test_a_worker_whose_settings_say_so_does_its_jobs_and_replaces_its_processes(
    shop, start_worker, send
):
    shop(worker_concurrency=1, worker_max_tasks_per_child=2, task_queues=["a", "b"])
    worker = start_worker(app="shopjobs")
    assert shape(worker) == ("a, b", 1, 1)
    pids = [send("pid", queue="a").get(30) for _ in range(6)]
    assert len(set(pids)) == 3
    assert worker.stop() == 0


def test_limits_of_the_settings_are_below_those_of_tasks_and_of_the_command_line(
    shop, start_worker, send
):
    shop(task_time_limit=60, task_soft_time_limit=50, worker_concurrency=2)
    worker = start_worker("--processes", "1", "--time-limit", "70", app="shopjobs")
    assert send("limits").get(30) == [70.0, 50.0]
    assert send("own").get(30) == [9.0, 50.0]
    assert send("limits", time_limit=5, soft_time_limit=4).get(30) == [5.0, 4.0]
    assert worker.stop() == 0


HANG = """
    @app.task(name="hang")
    def hang():
        import time
        time.sleep(1000)
"""


def test_a_limit_of_the_settings_kills(start_worker, send, write):
    write("shopjobs.py", APP.format(settings={"task_time_limit": 0.2}) + HANG)
    worker = start_worker("--processes", "1", app="shopjobs")
    with pytest.raises(TimeLimitExceeded):
        send("hang").get(30)
    assert worker.stop() == 0
