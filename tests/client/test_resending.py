"""An enqueue whose answer was lost is sent again, and is one job all the same."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from pgqueue import wire
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


def test_a_session_that_is_ended_in_the_middle_is_over_at_once(add, jobs, connect, until):
    """The words with which the server ends it are no refusal, also if its end is not seen yet."""
    add.delay(1, 2)
    holder = connect()
    holder.autocommit = False
    holder.execute("lock table pgqueue.jobs_live in exclusive mode")
    with ThreadPoolExecutor() as pool:
        sent = pool.submit(add.delay, 3, 4)
        waits = "select pid from pg_stat_activity where wait_event_type = 'Lock' and pid <> %s"
        ours = [jobs.value("select pg_backend_pid()")]
        until(lambda: jobs.connection.execute(waits, ours).fetchone(), "the enqueue to wait")
        (pid,) = jobs.connection.execute(waits, ours).fetchone()
        jobs.connection.execute("select pg_terminate_backend(%s)", [pid])
        holder.rollback()
        sent.result(20)
    assert count(jobs) == 2


def test_what_ends_a_session_is_told_from_a_refusal(connect, connection):
    session = connect()
    refusal = session.pgconn.exec_(b"select 1 / 0")
    assert wire._unless_over(refusal) is refusal
    connection.execute("select pg_terminate_backend(%s, 10000)", [session.info.backend_pid])
    for _ in range(2):  # what the server has said last, and what libpq says when nobody is there
        with pytest.raises(psycopg.OperationalError):
            wire._unless_over(session.pgconn.exec_(b"select 1"))
