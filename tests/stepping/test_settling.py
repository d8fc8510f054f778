"""What a run leaves behind is held to the promises, too."""

from __future__ import annotations

import audit
import psycopg
import pytest
from audit import Change
from ledger import Ledger
from rules import Broken
from settling import settle
from test_ledger import JOB, enqueued, finished

NOTE = "insert into public.effects values (%s, 1)"


@pytest.fixture
def nothing(stage):
    """A connection to a database without jobs."""
    stage.empty()
    return stage.connection


def test_nothing_is_in_order(nothing):
    settle(Ledger(), nothing)


def test_a_lost_job_is_noticed(nothing):
    ledger = finished().ledger
    ledger.enqueued([JOB])
    ledger.jobs[JOB].row = None
    with pytest.raises(Broken, match=r"I1: .* was acknowledged, and is lost"):
        settle(ledger, nothing)


def test_a_job_that_was_rolled_back_and_is_there_is_noticed(nothing):
    ledger = finished().ledger
    ledger.undone.add(JOB)
    with pytest.raises(Broken, match=r"I2: .* was rolled back, and is there"):
        settle(ledger, nothing)


def test_a_job_that_never_ends_is_noticed(nothing):
    with pytest.raises(Broken, match=r"I1: .* have not ended"):
        settle(enqueued().ledger, nothing)


def test_a_change_that_nobody_noted_is_noticed(nothing):
    with pytest.raises(Broken, match=r"I1: the tables are not what the changes say"):
        settle(finished().ledger, nothing)


@pytest.mark.parametrize(("times", "said"), [(1, "are apart"), (2, "were written twice")])
def test_rows_of_a_task_without_its_success_are_noticed(nothing, times, said):
    for _ in range(times):
        nothing.execute(NOTE, [JOB])
    with pytest.raises(Broken, match=rf"I5: .* {said}"):
        settle(Ledger(), nothing)


def test_a_success_without_the_rows_of_its_task_is_noticed(nothing):
    nothing.execute("select pgqueue.enqueue('t', id => %s)", [JOB])
    nothing.execute("update pgqueue.jobs set state = 'failed', claim = 1, finished_at = now()")
    ledger = finished().ledger
    ledger.jobs[JOB].row |= {"state": "failed"}
    ledger.jobs[JOB].ends[1] = ("finish", "w1/child")
    with pytest.raises(Broken, match=r"I5: .* are apart"):
        settle(ledger, nothing)


def test_a_session_that_is_left_behind_is_noticed(nothing, stage):
    with psycopg.connect(stage.dsn) as left:
        left.execute("select pg_advisory_xact_lock(1)")
        with pytest.raises(Broken, match=r"I10: left behind"):
            settle(Ledger(), nothing)


def test_triggers_note_what_statements_do(nothing):
    """Without them nothing at all would be noticed."""
    nothing.execute("select pgqueue.enqueue('t', id => %s)", [JOB])
    ((change,),) = audit.taken(nothing)
    assert isinstance(change, Change)
    assert (change.act, change.id, change.new["state"]) == ("insert", JOB, "queued")
