"""A claim is a HOT update: it writes no index, and its dead row is pruned without vacuum."""

from __future__ import annotations

import re

import pytest

from pgqueue import operations
from pgqueue.statements import statement


@pytest.fixture
def updates(jobs):
    """Runs an act in a transaction; returns (updates, HOT updates) of a table by it."""

    def counted(table):
        # Counters that the session has not sent off yet: earlier transactions' may be among them.
        return jobs.connection.execute(
            "select n_tup_upd, n_tup_hot_upd from pg_stat_xact_user_tables where relname = %s",
            [table],
        ).fetchone()

    def updates(act, table="jobs_live"):
        with jobs.transaction():
            before = counted(table)
            act()
            after = counted(table)
        return after[0] - before[0], after[1] - before[1]

    return updates


def test_every_claim_is_a_hot_update(jobs, worker, updates):
    jobs.connection.execute(
        """select pgqueue.enqueue('add', '{"args": [1, "some text", {"a": null}]}')
           from generate_series(1, 2000)"""
    )
    for _ in range(20):
        assert updates(lambda: jobs.claim(worker, limit=100)) == (100, 100)
    assert jobs.claim(worker) == []


def test_a_heartbeat_is_a_hot_update(jobs, worker, updates):
    beat = operations.heartbeat(worker, 1e9, '{"done": 1}', "[]")
    for _ in range(50):
        assert updates(lambda: jobs.run(beat), "workers") == (1, 1)


def test_no_index_mentions_a_column_that_a_claim_changes(jobs):
    (assignments,) = re.findall(r"\bset\s(.*?)\bwhere\b", statement("claim"), re.DOTALL)
    changed = set(re.findall(r"(\w+) = ", assignments))
    assert changed == {"state", "claim", "attempt", "worker_id", "started_at"}
    indexes = dict(
        jobs.connection.execute(
            "select indexname, indexdef from pg_indexes where tablename = 'jobs_live'"
        ).fetchall()
    )
    assert indexes.keys() == {
        *("jobs_live_id", "jobs_live_claim", "jobs_live_root", "jobs_live_parked")
    }
    mentioned = {word for text in indexes.values() for word in re.findall(r"\w+", text)}
    assert not mentioned & changed


def test_every_page_keeps_room_for_the_second_version_of_its_rows(jobs):
    options = jobs.value("select reloptions from pg_class where relname = 'jobs_live'")
    assert "fillfactor=45" in options
