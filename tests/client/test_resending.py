"""An enqueue whose answer was lost is sent again, and is one job all the same."""

from __future__ import annotations

import asyncio

import psycopg
import pytest

from pgqueue.wire import Wire


@pytest.fixture
def lose_the_answer(monkeypatch):
    """Has the first answer get lost, after the commit and whatever `meanwhile` does."""

    def arrange(meanwhile):
        arun = Wire.arun
        run = Wire.run
        lost = []

        def broken(wire):
            wire._pgconn.finish()
            meanwhile()
            raise psycopg.OperationalError("the answer was lost")

        def losing_run(wire, query):
            answer = run(wire, query)
            if query.name == "enqueue" and not lost:
                lost.append(answer)
                broken(wire)
            return answer

        async def losing_arun(wire, queries):
            answers = await arun(wire, queries)
            if queries[0].name == "enqueue" and not lost:
                lost.append(answers)
                broken(wire)
            return answers

        monkeypatch.setattr(Wire, "run", losing_run)
        monkeypatch.setattr(Wire, "arun", losing_arun)
        return lost

    return arrange


@pytest.fixture
def add(app):
    @app.task
    def add(a, b):
        return a + b

    return add


def count(jobs):
    return jobs.value("select count(*) from pgqueue.jobs")


@pytest.mark.parametrize("finished", [False, True], ids=["live", "finished meanwhile"])
def test_delay_is_one_job(add, jobs, worker, lose_the_answer, finished):
    lost = lose_the_answer(lambda: finished and jobs.finish(*jobs.claim(worker, tasks=[add.name])))
    result = add.delay(1, 2)
    assert lost
    assert count(jobs) == 1
    assert jobs.state(result.id) == ("succeeded" if finished else "queued")


def test_adelay_is_one_job(app, add, jobs, lose_the_answer):
    lost = lose_the_answer(lambda: None)

    async def enqueue():
        result = await add.adelay(1, 2)
        await app.aclose()
        return result

    result = asyncio.run(enqueue())
    assert lost
    assert count(jobs) == 1
    assert jobs.state(result.id) == "queued"
