"""The live jobs' table is written anew: nothing of a job changes, and nobody waits for long."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace

import psycopg
import pytest

from pgqueue import operations
from pgqueue.worker import compaction
from pgqueue.worker.compaction import FEW_BYTES, FEW_JOBS, LARGE, Compaction
from support.grown import MEGABYTE, grow, size
from support.jobs import Jobs

EVERYTHING = "select md5(string_agg(j::text, ';' order by id)) from pgqueue.jobs_live j"
#: Rows of every state and size, some in large values' own table.
ALL_KINDS = """
    insert into pgqueue.jobs_live
        (id, state, queue, task, priority, run_at, created_at, started_at, expires_at, worker_id,
         args, headers, result, error, past_errors, root_id, open_parents, linked, limit_key)
    select
        pgqueue.uuid7(), (array['waiting', 'queued', 'running']::pgqueue.job_state[])[n % 3 + 1],
        'q' || n % 7, repeat('t', n % 50 + 1), n % 10,
        case n % 4 when 0 then 'infinity' else now() + n * interval '1 s' end,
        now(), case n % 2 when 0 then now() end, case n % 5 when 0 then now() end, nullif(n % 6, 0),
        (select coalesce(jsonb_agg(md5(n::text || m)), '[]')
         from generate_series(1, case n % 50 when 0 then 300 end) m),
        case n % 3 when 0 then '{"a": [null, "ü"]}'::jsonb end,
        case n % 11 when 0 then to_jsonb(n) end, case n % 13 when 0 then repeat('e', n) end,
        case n % 17 when 0 then '[{"claim": 1}]'::jsonb end,
        case n % 4 when 0 then pgqueue.uuid7() end, nullif(n % 3, 0), nullif(n % 2, 0)::boolean,
        case n % 9 when 0 then 'key' end
    from generate_series(1, 500) n
"""


@pytest.fixture
def grown(jobs, monkeypatch):
    """A table with room to be given back."""
    grow(jobs.connection)
    monkeypatch.setattr(compaction, "LARGE", MEGABYTE)
    jobs.plan_as_worker()
    return jobs


def compact(jobs):
    with jobs.transaction():
        jobs.run(operations.rehearse(FEW_JOBS))
        jobs.run(operations.compact())


def perform(jobs, duty=None):
    """Have a worker do its duty once, with statistics that speak for it, whatever is so."""

    async def run(query):
        found = jobs.run(query)
        if query.name == "live_table":
            return replace(found, live=0, dead=0, vacuumed=60.0)
        return found

    with jobs.transaction():
        asyncio.run((duty or Compaction()).perform(run))


# ── what becomes of the rows ──


def test_every_row_stays_as_it_is_and_the_files_are_small(grown):
    grown.connection.execute(ALL_KINDS)
    rows, was = grown.value(EVERYTHING), size(grown.connection)
    compact(grown)
    assert grown.value(EVERYTHING) == rows
    assert size(grown.connection) < was / 2
    options = grown.value("select reloptions from pg_class where relname = 'jobs_live'")
    assert "fillfactor=45" in options
    assert "vacuum_truncate=off" in options


def test_an_old_snapshot_sees_what_it_saw(grown, connect):
    job = grown.add()
    old = connect()
    old.execute("begin isolation level repeatable read")
    old.execute("select pg_current_snapshot()")
    grown.connection.execute("delete from pgqueue.jobs_live")
    late = grown.add()
    compact(grown)
    assert [str(id_) for (id_,) in old.execute("select id from pgqueue.jobs_live")] == [job]
    old.execute("rollback")
    assert [grown.get(job), grown.state(late)] == [None, "queued"]


def test_who_waits_for_it_goes_on(grown, connect, worker, step):
    """A claim, an outcome and an enqueue, of sessions that have prepared them before."""
    claimer, finisher, client = (Jobs(connect()) for _ in range(3))
    for each in (claimer, finisher, client):
        each.connection.prepare_threshold = 0
        each.plan_as_worker()
    client.add()
    finisher.finish(*claimer.claim(worker))
    before = [client.add(), client.add()]
    (running,) = claimer.claim(worker, limit=1)
    with grown.transaction():
        grown.run(operations.rehearse(FEW_JOBS))
        grown.run(operations.compact())
        claim = step(claimer, lambda: claimer.claim_ids(worker)).blocked()
        finish = step(finisher, lambda: finisher.finish(running)).blocked()
        enqueue = step(client, client.add).blocked()
    assert finish.result() == {running.id} == {before[0]}
    claimed, added = claim.result(), enqueue.result()
    assert claimed in ([before[1]], [before[1], added])
    assert grown.state(added) == ("running" if added in claimed else "queued")


def test_as_much_as_may_be_written_anew_takes_less_than_what_is_large(grown):
    """Else it would be done for ever. Rows of 2 kB have a page each, small ones more index."""
    text = "(select string_agg(md5(random()::text || m || n), '') from generate_series(1, %s) m)"
    for rows, length in ((FEW_BYTES // 2000, 58), (FEW_JOBS - FEW_BYTES // 2000, 1)):
        grown.connection.execute(
            f"""insert into pgqueue.jobs_live (id, task, run_at, created_at, args)
                select pgqueue.uuid7(), 'add', now(), now(), jsonb_build_array({text})
                from generate_series(1, %s) n""",
            [length, rows],
        )
    compact(grown)
    assert size(grown.connection) < LARGE


def test_it_reads_the_rows_by_their_ids_whatever_the_planner_knows(grown):
    """And not gigabytes of empty pages: nothing tells it that they are empty."""
    unknown = "update pg_class set reltuples = -1, relpages = 0 where relname = 'jobs_live'"
    grown.connection.execute(unknown)
    scans = "select pg_stat_get_xact_numscans('pgqueue.jobs_live_id'::regclass)"
    with grown.transaction():
        before = grown.value(scans)
        grown.run(operations.rehearse(FEW_JOBS))
        assert grown.value(scans) == before + 1
        grown.run(operations.compact())
        assert grown.value(scans) == before + 2


# ── when it is done ──


def test_a_worker_does_it_and_says_so(grown, caplog):
    caplog.set_level(logging.INFO, "pgqueue.worker")
    perform(grown)
    assert size(grown.connection) < compaction.LARGE
    (said,) = caplog.messages
    assert said.startswith("the table of live jobs gave its room back: ")


def test_it_steps_back_from_who_enqueues_and_rests(grown, other):
    duty, was = Compaction(), size(grown.connection)
    with other.transaction():
        other.add()
        with pytest.raises(psycopg.errors.LockNotAvailable):
            perform(grown, duty)
    perform(grown, duty)
    assert size(grown.connection) == was
    perform(grown)
    assert size(grown.connection) < was


def test_more_rows_than_statistics_know_of_are_found_before_anybody_waits(grown, monkeypatch):
    monkeypatch.setattr(compaction, "FEW_JOBS", 2)
    was = size(grown.connection)
    for left in (3, 2):
        grown.connection.execute("delete from pgqueue.jobs_live")
        for _ in range(left):
            grown.add()
        perform(grown)
        assert (size(grown.connection) < was) == (left == 2)


def test_large_values_count(grown, monkeypatch):
    job = grown.add(args='["' + "".join(map(str, range(20_000))) + '"]')
    was = size(grown.connection)
    monkeypatch.setattr(compaction, "FEW_BYTES", 20_000)
    perform(grown)
    assert size(grown.connection) == was
    monkeypatch.setattr(compaction, "FEW_BYTES", 200_000)
    perform(grown)
    assert size(grown.connection) < was
    assert grown.state(job) == "queued"


def test_who_does_not_own_the_table_leaves_it(grown):
    was = size(grown.connection)
    grown.connection.execute("set role pg_read_all_data")
    perform(grown)
    grown.connection.execute("reset role")
    assert size(grown.connection) == was
