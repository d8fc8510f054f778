"""Whom enqueue_many wakes: each sleeper once, at the end; and the workers begin."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from pgqueue import operations
from pgqueue.bulk import COPY, FEW
from support.jobs import Jobs
from support.workers import PATIENCE, Worker

SIZES = pytest.mark.parametrize("size", [FEW, FEW + 1])


@pytest.fixture
def sleeper(connect):
    """A session that lies down when it is told to."""
    sleeper = Jobs(connect())
    sleeper.lie_down = lambda *places: sleeper.run(operations.lie_down(places))
    return sleeper


@SIZES
def test_sleepers_of_any_queue_are_woken_once(app, note, sleeper, heard, size):
    app.enqueue_many([(note,)] * size)
    assert len(heard()) == 0
    sleeper.lie_down("default", "mail")
    app.enqueue_many([(note, (), {}, {"queue": "other"})] * size)
    assert len(heard()) == 0
    app.enqueue_many(
        (note, (), {}, {"queue": ("other", "mail", "default")[n % 3]}) for n in range(size)
    )
    assert len(heard()) == 1


def test_who_lies_down_meanwhile_is_woken(app, note, sleeper, heard):
    def calls():
        yield from [(note,)] * (COPY + 1)
        sleeper.lie_down("default")
        yield from [(note, (), {}, {"queue": "other"})] * COPY

    app.enqueue_many(calls())
    assert len(heard()) == 1


@SIZES
@pytest.mark.parametrize(
    "options",
    [
        {"notify": False},
        {"countdown": 60},
        {"eta": datetime.now(UTC) + timedelta(days=1)},
    ],
    ids=lambda options: next(iter(options)),
)
def test_jobs_that_need_nobody_woken_wake_nobody(app, note, sleeper, heard, size, options):
    sleeper.lie_down("default")
    app.enqueue_many([(note, (), {}, options)] * size)
    assert len(heard()) == 0


@SIZES
def test_nobody_is_woken_before_the_callers_commit_or_by_a_rollback(
    app, note, sleeper, heard, connect, size
):
    sleeper.lie_down("default")
    held = connect(autocommit=False)
    app.enqueue_many([(note,)] * size, connection=held)
    assert len(heard()) == 0
    held.rollback()
    assert len(heard()) == 0
    app.enqueue_many([(note,)] * size, connection=held)
    held.commit()
    assert len(heard()) == 1


def test_a_worker_runs_them_and_their_handles_wait(app, database, tmp_path):
    worker = Worker(database, tmp_path / "worker.log", "--processes", "1")
    try:
        worker.ready()
        with psycopg.connect(database) as connection:
            jobs = app.enqueue_many((("add", (n, n)) for n in range(300)), connection=connection)
        assert [job.get(PATIENCE) for job in jobs] == [2 * n for n in range(300)]
    finally:
        worker.destroy()
