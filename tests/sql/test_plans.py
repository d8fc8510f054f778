"""The hot statements look rows up in one index each, whatever the statistics say.

A table that is empty, never analyzed, analyzed when it was full: a queue is all three within
minutes, and the plan may not depend on it. `worker` has the settings that a worker plans with;
`bare` has none, and most plans hold even so.
"""

from __future__ import annotations

import re

import psycopg
import pytest

from pgqueue import operations
from pgqueue.identifiers import uuid7
from pgqueue.rows import Finished, Lane, Released, Retried
from pgqueue.worker.claims import PRIORITIES
from pgqueue.worker.planning import settings
from support.plans import explain

LANES = [Lane(queue, priority) for queue in ("a", "b") for priority in PRIORITIES]
IDS = [str(uuid7()) for _ in range(100)]
QUERIES = {
    "claim": operations.claim(1, LANES, ["add"], 100),
    "finish": operations.finish([Finished(i, 1, "succeeded", "1") for i in IDS]),
    "retry": operations.retry([Retried(i, 1, 0.0, "e") for i in IDS]),
    "release": operations.release([Released(i, 1) for i in IDS]),
    "next_due": operations.next_due(LANES, ["add"]),
}
BY_ID = ("finish", "retry", "release")
FILL = """
    insert into pgqueue.jobs_live (id, queue, task, priority, run_at, created_at)
    select pgqueue.uuid7(), case n % 2 when 0 then 'a' else 'b' end, 'add', n % 10,
        pgqueue.now(), pgqueue.now()
    from generate_series(1, 20000) n
"""
SITUATIONS = {
    "empty": "",
    "never analyzed": FILL,
    "analyzed then emptied": f"{FILL}; analyze pgqueue.jobs_live; delete from pgqueue.jobs_live",
    "emptied then analyzed": f"{FILL}; delete from pgqueue.jobs_live; analyze pgqueue.jobs_live",
}
#: Why there are settings: an empty table is scanned, so that its locks come in any order, one that
#: is thought to be empty is read from end to end, and by old statistics a claim sorts all that is
#: due in a lane. One that was never analyzed is thought to have few rows, as wide as its columns
#: may be, so that reading all of it seems cheaper than looking up a hundred.
NOT_BARE = {("empty", name) for name in ("claim", *BY_ID)} | {("analyzed then emptied", "claim")}
NOT_BARE |= {("never analyzed", name) for name in BY_ID}
NOT_BARE |= {("emptied then analyzed", name) for name in QUERIES}
CASES = [
    (situation, planning, name)
    for situation in SITUATIONS
    for planning in ("worker", "bare")
    for name in QUERIES
    if planning == "worker" or (situation, name) not in NOT_BARE
]


@pytest.fixture(scope="module")
def tables(databases):
    """A database per situation, made when it is first asked for."""
    opened = {}

    def table(situation):
        if situation not in opened:
            lent = databases.migrated()
            connection = psycopg.connect(lent.__enter__(), autocommit=True, prepare_threshold=None)
            connection.execute("alter table pgqueue.jobs_live set (autovacuum_enabled = off)")
            connection.execute(SITUATIONS[situation])
            opened[situation] = lent, connection
        return opened[situation][1]

    yield table
    for lent, connection in opened.values():
        connection.close()
        lent.__exit__(None, None, None)


@pytest.fixture
def plan(tables, request):
    situation, planning, name = request.param
    connection = tables(situation)
    connection.execute("discard all")
    connection.execute("set plan_cache_mode = force_custom_plan")
    for setting in settings(name).items() if planning == "worker" else ():
        connection.execute("select set_config(%s, %s, false)", setting)
    return name, explain(connection, QUERIES[name])


def scan(plan, index):
    """The only scan of `jobs_live` by this index: the node above it, and its condition."""
    lines = [line.strip() for line in plan.splitlines()]
    (at,) = [n for n, line in enumerate(lines) if f"Index Scan using {index} on jobs_live" in line]
    return lines[at - 1], lines[at + 1]


def by_id(plan):
    """The condition of the only scan of an index of `jobs_live`."""
    lines = [line.strip() for line in plan.splitlines()]
    (at,) = [
        n
        for n, line in enumerate(lines)
        if re.search("(Index Scan using|Scan on) jobs_live_", line)
    ]
    assert "jobs_live_id" in lines[at]
    return lines[at + 1]


@pytest.mark.parametrize("plan", CASES, indirect=True, ids="-".join)
def test_a_hot_statement_finds_its_jobs_by_one_index(plan):
    name, text = plan
    assert "Seq Scan on jobs_live" not in text
    if name in BY_ID:
        assert by_id(text).startswith("Index Cond: (id = ")
        return
    assert "Bitmap" not in text
    above, condition = scan(text, "jobs_live_claim")
    assert condition.startswith("Index Cond: ((queue = ")
    assert "(priority = " in condition
    if name == "next_due":
        assert "(run_at > " in condition
        assert "(run_at < 'infinity'" in condition  # however many wait for others, none is read
    else:
        assert "(ROW(run_at, id) >= ROW(" in condition  # the cursor
        assert "(run_at <= " in condition
        assert above == "->  LockRows"  # in the index's order: no sort reads all that waits
        assert "Tid Scan on jobs_live" in text


def test_a_job_is_looked_up_in_indexes_only(tables):
    connection = tables("never analyzed")
    for query in (operations.get(IDS[0]), operations.forget(IDS[0])):
        assert "Seq Scan on jobs_live" not in explain(connection, query)
