"""Behind PgBouncer in session mode a worker is woken as if it were connected directly."""

from __future__ import annotations

import pytest

from support.waiting import wait_for
from support.workers import PATIENCE

WAIT = 30
GATE = "select count(*) from pg_locks where locktype = 'advisory' and mode = 'ShareLock'"


@pytest.fixture
def mode():
    return "session"


def test_a_worker_is_woken(start_worker, app, jobs):
    worker = start_worker()
    for n in range(3):
        wait_for(lambda: jobs.value(GATE) == 1, "the worker to lie down", PATIENCE)
        assert app.send_task("add", (n, 1)).get(WAIT) == n + 1
    assert worker.stop() == 0
    assert "WARNING" not in worker.log


def test_nothing_is_left_in_sessions_that_were_given_back(start_worker, app, left_behind):
    worker = start_worker()
    assert app.send_task("add", (1, 2)).get(WAIT) == 3
    app.close()
    assert worker.stop() == 0
    assert left_behind() == []
