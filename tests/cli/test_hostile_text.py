"""What `pgq` prints of values that somebody wrote to drive a terminal or to break a reader."""

from __future__ import annotations

import json

import pytest

from support.hostile import FORGED

DEEP = "[" * 5_000 + "]" * 5_000
PAYLOADS = {
    "escape codes": json.dumps([FORGED, {FORGED: FORGED}]),
    "digits": "[" + "9" * 5_000 + ", 1e20000]",
    "deep": DEEP,
    "rather deep": "[" * 400 + "]" * 400,
    "wide": json.dumps(["日本語" * 200, "e\u0301\u200b\ufeff" * 100]),
    "half a tag": '[{"$datetime": "tomorrow"}]',
}


@pytest.fixture
def job(connection, jobs):
    """Makes a finished job with such arguments, and as much in every other text."""

    def job(payload, state="failed", **columns):
        id_ = jobs.finished(jobs.register(FORGED), state)
        given = {"args": payload, "kwargs": f'{{"k": {payload}}}', "headers": '{"h": 1}', **columns}
        given = {"task": FORGED, "queue": FORGED, "error": FORGED, "traceback": FORGED, **given}
        for column, value in given.items():
            connection.execute(f"update pgqueue.jobs set {column} = %s where id = %s", [value, id_])
        return id_

    return job


def safe(said):
    """A terminal shows it as it is: nothing drives it, nothing turns text around."""
    for text in (said.out, said.err):
        assert all(char.isprintable() or char in "\n\u200d" for char in text), repr(text)
    return said


@pytest.mark.parametrize("payload", PAYLOADS)
def test_every_view_of_a_job_is_safe_in_a_terminal(pgq, job, payload):
    id_ = job(PAYLOADS[payload])
    assert safe(pgq("jobs", "show", id_)).code == 0
    assert safe(pgq("result", id_)).code == 1
    assert safe(pgq("result", "--traceback", id_)).code == 1
    assert safe(pgq("jobs", "list")).code == 0
    shown = safe(pgq("jobs", "show", "--json", id_)).json
    assert shown["error"] == FORGED
    assert safe(pgq("jobs", "list", "--json")).json[0]["task"] == FORGED


@pytest.mark.parametrize("payload", PAYLOADS)
def test_a_result_that_python_cannot_read_is_printed_safely(pgq, job, payload):
    id_ = job("[]", "succeeded", result=PAYLOADS[payload])
    said = safe(pgq("result", id_))
    assert (said.code, said.out.strip()[0]) == (0, "[")
    assert safe(pgq("jobs", "show", id_)).code == 0


def test_a_table_stays_within_the_terminal_whatever_it_holds(pgq, job):
    job("[]", task="日本語" * 60, queue="e\u0301" * 60, error="\U0001f469\u200d\U0001f469" * 500)
    job("[]", task="x" * 100_000)
    for line in safe(pgq("jobs", "list", COLUMNS="120")).lines:
        assert len(line) <= 200  # characters; columns are tests/cli/test_tables.py's


def test_overviews_are_safe_whatever_waits(pgq, connection):
    connection.execute(
        "insert into pgqueue.jobs_live (id, task, queue, run_at, created_at) "
        "select pgqueue.uuid7(), %(name)s || n, %(name)s || n %% 7, pgqueue.now(), pgqueue.now() "
        "from generate_series(1, 10000) n",
        {"name": FORGED},
    )
    said = safe(pgq("status"))
    assert said.code == 0
    assert "other tasks: see 'pgq doctor'" in said.out
    assert len(said.lines) < 100
    for command in (["queues", "list"], ["doctor"], ["inspect", "ping"], ["jobs", "list"]):
        assert len(safe(pgq(*command)).lines) < 100
    safe(pgq("status", "--json"))
    safe(pgq("queues", "pause", "--all"))
    safe(pgq("queues", "resume", "--all"))
    said = safe(pgq("jobs", "cancel", "--state", "queued", "-y"))
    assert "10,000" in said.out


def test_a_worker_with_any_name_is_shown_safely(pgq, jobs, connection):
    jobs.register("w")
    connection.execute(
        "update pgqueue.workers set name = %(n)s, hostname = %(n)s, queues = array[%(n)s], "
        "tasks = array[%(n)s], active = %(active)s::jsonb",
        {
            "n": FORGED,
            "active": json.dumps(
                [
                    {
                        "id": FORGED,
                        "task": FORGED,
                        "queue": FORGED,
                        "attempt": 1,
                        "seconds": 1,
                        "pid": 1,
                    }
                ]
            ),
        },
    )
    for view in ("ping", "active", "registered", "stats"):
        safe(pgq("inspect", view, "--timeout", "0"))
        safe(pgq("inspect", view, "--timeout", "0", "--json"))
    safe(pgq("status"))
    safe(pgq("doctor"))
