"""Following edges costs what is followed, however many others there are.

The statements of `pgqueue.follow` are explained where they run, by auto_explain: what they read is
looked up by the id of a job, and no step of theirs touches more than the canvas has.
"""

from __future__ import annotations

import re

import psycopg
import pytest

from support.canvases import Canvas
from support.jobs import Jobs

#: As many jobs that wait for each other, and as many of the history, as would hurt.
FILL = """
    insert into pgqueue.jobs_live
        (id, state, queue, task, priority, run_at, created_at, open_parents, linked)
    select md5('live' || n)::uuid, 'waiting', 'a', 'add', 0, 'infinity', pgqueue.now(), 1, true
    from generate_series(1, 20000) n;
    insert into pgqueue.edges (parent_id, child_id, kind, place)
    select md5('live' || n)::uuid, md5('live' || n + 1)::uuid, 'call', -1
    from generate_series(1, 19999) n;
    insert into pgqueue.jobs
        (id, state, queue, task, priority, attempt, crashes, claim, run_at, created_at, finished_at,
         args, kwargs)
    select md5(state || n)::uuid, state::pgqueue.job_state, 'a', 'add', 0, 1, 0, 1, t.now, t.now,
        t.now, '[]', '{}'
    from generate_series(1, 5000) n, unnest(array['succeeded', 'failed']) state,
        (select pgqueue.now() as now) t;
"""
EMPTIED = "delete from pgqueue.jobs_live; delete from pgqueue.edges; delete from pgqueue.jobs"
SITUATIONS = {
    "empty": "",
    "never analyzed": FILL,
    "analyzed": f"{FILL}; analyze",
    "analyzed when it was empty": f"analyze; {FILL}",
    "emptied after it was analyzed": f"{FILL}; analyze; {EMPTIED}",
}
TABLES = r"(jobs_live|edges|jobs_succeeded\w*|jobs_failed\w*|jobs_cancelled\w*)"
SCAN = re.compile(rf"(\w[\w ]*?) (?:using \S+ )?on {TABLES}\b")
BY_ID = re.compile(r"Index Cond: \(\(?(\w+\.)?(id|parent_id|child_id) = ")
TOUCHED = re.compile(r"\(actual rows=([\d.]+) loops=(\d+)\)|Rows Removed by [\w ]+: (\d+)()")
MANY = 60


@pytest.fixture(params=SITUATIONS.values(), ids=SITUATIONS)
def crowd(request, connect):
    """A connection to a database with so many others in it."""
    connection = connect()
    connection.execute("alter table pgqueue.jobs_live set (autovacuum_enabled = off)")
    connection.execute("alter table pgqueue.edges set (autovacuum_enabled = off)")
    connection.execute(request.param)
    return connection


@pytest.fixture
def plans(connect):
    """Jobs on a connection of its own, and the plans of what `pgqueue.follow` executes there."""
    connection = connect()
    try:
        connection.execute("load 'auto_explain'")
    except psycopg.errors.UndefinedFile:
        pytest.skip("this PostgreSQL comes without auto_explain")
    for name, value in (
        ("log_min_duration", 0), ("log_nested_statements", "on"), ("log_level", "notice"),
        ("log_analyze", "on"), ("log_timing", "off"), ("log_verbose", "off"),
    ):  # fmt: skip
        connection.execute("select set_config(%s, %s, false)", [f"auto_explain.{name}", str(value)])
    found: list[str] = []
    connection.add_notice_handler(lambda notice: found.append(notice.message_primary))
    return Jobs(connection), found


def checked(plan):
    lines = plan.splitlines()
    for number, line in enumerate(lines):
        if (scan := SCAN.search(line)) and "Scan" in scan[1]:
            assert "Seq Scan" not in scan[1], plan
            if "Bitmap Heap" not in scan[1]:  # its condition is that of the index below it
                assert any(BY_ID.search(each) for each in lines[number : number + 3]), plan
        for rows, loops, removed, _ in TOUCHED.findall(line):
            assert float(rows or removed) * int(loops or 1) <= MANY, plan


@pytest.mark.usefixtures("crowd")
def test_what_is_read_is_looked_up_by_the_ids_of_the_canvas(plans):
    jobs, found = plans
    worker = jobs.register(tasks=["add"])
    for ends in ("succeeded", "failed"):
        canvas = Canvas().chord(["a", "b", "c"], "body").chain("body", "last")
        canvas.become("last", "whole").chain("whole", "end").error("a", "oops")
        canvas.error("body", "oops").send(jobs)
        header = jobs.claim(worker)
        del found[:]
        jobs.finish(*header, state=ends)
        assert jobs.state(canvas["body"]) == ("queued" if ends == "succeeded" else "failed")
        told = [plan for plan in found if "pgqueue.edges" in plan]
        assert len(told) >= 6  # the statements of a round, or they are not heard
        for plan in told:
            checked(plan)
        if ends == "succeeded":
            (body,) = jobs.claim(worker)
            jobs.finish(body)
            (last,) = jobs.claim(worker)
            jobs.finish(last)
            assert jobs.state(canvas["whole"]) == "succeeded"
            jobs.finish(*jobs.claim(worker))
        else:
            jobs.finish(*jobs.claim(worker))
