"""`task_store_eager_result`: what ran in place leaves a finished job, for who asks for its id."""

from __future__ import annotations

import asyncio
import uuid

import pytest

from pgqueue import AsyncResult, TaskFailed


@pytest.fixture
def tasks(app):
    """The application, whose calls are made in place and leave their results."""
    app.conf.update(task_always_eager=True, task_store_eager_result=True)

    @app.task(name="add")
    def add(a, b=1):
        return a + b

    @app.task(name="fail")
    async def fail():
        raise KeyError("k")

    @app.task(name="outer")
    def outer():
        return add.delay(1).id

    return app.tasks


def test_its_result_is_there_for_others(app, tasks):
    done = tasks["add"].apply_async((2,), {"b": 3}, queue="mail", headers={"t": 1})
    other = AsyncResult(done.id, app)
    assert (other.state, other.get(5)) == ("SUCCESS", 5)
    row, own = other.job(), done.job()
    assert (row.task, row.queue, row.args, row.kwargs) == ("add", "mail", "[2]", '{"b": 3}')
    assert (row.headers, row.attempt, row.claim, row.worker_id) == ('{"t": 1}', 1, 1, None)
    took = own.finished_at - own.started_at
    assert row.finished_at - row.started_at == took


def test_its_error_is_there_and_its_parent(app, tasks):
    failed = asyncio.run(tasks["fail"].adelay())
    with pytest.raises(TaskFailed, match="KeyError") as caught:
        AsyncResult(failed.id, app).get(5)
    assert "raise KeyError" in caught.value.traceback
    outer = tasks["outer"].delay()
    inner = AsyncResult(outer.get(), app).job()
    assert (inner.parent_id, inner.root_id) == (outer.id, outer.id)
    assert AsyncResult(outer.id, app).job().root_id is None


def test_an_id_that_is_taken_keeps_its_first_result(app, tasks):
    id_ = str(uuid.uuid4())
    for number in range(2):
        tasks["add"].apply_async((number,), task_id=id_)
    assert AsyncResult(id_, app).get(5) == 1


def test_without_the_setting_there_is_no_row(app, tasks):
    app.conf.task_store_eager_result = False
    assert AsyncResult(tasks["add"].delay(1).id, app).job() is None
