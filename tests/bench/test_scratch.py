"""The schema of the measurements is their own, and is always gone in the end."""

from __future__ import annotations

import psycopg
import pytest

from pgqueue import operations
from pgqueue.bench import baseline
from pgqueue.bench.scratch import APPLICATION, scratch
from pgqueue.bench.tasks import SCHEMA, noop
from pgqueue.errors import ConfigurationError


def test_it_is_there_in_the_block_and_gone_after_it(database, schemas):
    with scratch(database):
        assert schemas() == {"pgqueue", SCHEMA}
    assert schemas() == {"pgqueue"}


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_it_is_gone_after_an_error(database, schemas, error):
    with pytest.raises(error), scratch(database):
        raise error
    assert schemas() == {"pgqueue"}


def test_it_is_gone_although_its_connection_broke(database, schemas):
    with pytest.raises(psycopg.OperationalError), scratch(database) as place:
        place.connection.close()
        place.clock()
    assert schemas() == {"pgqueue"}


def test_it_stays_if_it_is_to_be_kept(database, schemas):
    with scratch(database, keep=True):
        pass
    assert SCHEMA in schemas()


def test_one_that_is_there_is_refused_and_not_touched(database, connection):
    connection.execute(f"create schema {SCHEMA}")
    connection.execute(f"create table {SCHEMA}.mine as select 7 as x")
    with pytest.raises(ConfigurationError, match=f"drop schema {SCHEMA} cascade"):
        scratch(database).__enter__()
    assert connection.execute(f"select x from {SCHEMA}.mine").fetchall() == [(7,)]


def test_one_that_is_at_work_is_said_to_be(database, connect):
    other = connect(application_name=APPLICATION)
    other.execute(f"create schema {SCHEMA}")
    with pytest.raises(ConfigurationError, match="another pgq bench is at work") as refused:
        scratch(database).__enter__()
    assert "drop schema" not in str(refused.value)


def test_a_role_that_may_not_make_it_is_told_what_to_do(database, connection):
    connection.execute("create role poor login")
    try:
        with pytest.raises(ConfigurationError, match=r"'poor' may not make the schema.*grant"):
            scratch(f"{database}&user=poor").__enter__()
    finally:
        connection.execute("drop role poor")


def test_what_it_is_filled_with_is_what_delay_enqueues(scratch, app):
    del app
    scratch.fill(3, queue="mail", priority=4)
    rows = scratch.connection.execute(
        f"select queue, task, priority, state::text, args, kwargs, attempt, claim, run_at <= now(),"
        f" created_at = run_at, substr(id::text, 15, 1) from {SCHEMA}.jobs order by id"
    ).fetchall()
    expected = ("mail", noop.name, 4, "queued")
    assert rows == [(*expected, [n], {}, 0, 0, True, True, "7") for n in (1, 2, 3)]


def test_jobs_can_lie_in_the_future(scratch):
    scratch.fill(2, delay=3600)
    assert scratch.has_unfinished()
    assert baseline.drain(scratch).jobs == 0


def test_emptying_forgets_jobs_and_workers(scratch):
    scratch.fill(5)
    baseline.drain(scratch)
    scratch.fill(5)
    scratch.empty()
    assert not scratch.has_unfinished()
    assert scratch.run(operations.counts()) == {}
    assert scratch.run(operations.workers()) == []


def test_the_bare_loop_finishes_every_due_job_once(scratch):
    scratch.fill(70)
    done = baseline.drain(scratch, batch=30)
    assert (done.jobs, done.batch) == (70, 30)
    assert done.round_trips == 4  # three claims, and one that finds nothing
    assert scratch.run(operations.counts()) == {"succeeded": 70}
    assert done.seconds > 0
