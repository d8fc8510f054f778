"""`pgq inspect`: what the workers say now, and how old it is if they say nothing."""

from __future__ import annotations

import json

import pytest

from pgqueue import operations
from support.workers import Worker


@pytest.fixture
def silent(jobs):
    """A worker that runs a job and does not hear questions, as behind a transaction pooler."""
    worker = jobs.register("silent", tasks=["add"])
    active = [
        {"id": jobs.add(), "task": "add", "queue": "default", "attempt": 1, "seconds": 90, "pid": 7}
    ]
    jobs.run(operations.heartbeat(worker, 30, '{"succeeded": 5, "retried": 2}', json.dumps(active)))
    jobs.connection.execute(
        "update pgqueue.workers set heartbeat_at = heartbeat_at - interval '3 s'"
    )
    return active[0]["id"]


QUICK = ("--timeout", "0.05")


def test_ping_is_answered_by_a_live_worker(pgq, database, tmp_path):
    worker = Worker(database, tmp_path / "log", "-n", "w1", "--processes", "1").ready()
    try:
        said = pgq("inspect", "ping", "--timeout", "10")
        assert (said.code, said.err) == (0, "")
        assert said.out.startswith("w1: pong after ")
        (answer,) = pgq("inspect", "ping", "--json", "--timeout", "10").json
        assert 0 < answer["answered_after"] < 10
        known = pgq("inspect", "registered", "--timeout", "10")
        assert ["add", "w1"] in [line.split() for line in known.lines]
        assert known.err == ""
    finally:
        worker.destroy()


def test_ping_fails_when_nobody_answers(pgq, silent):
    del silent
    said = pgq("inspect", "ping", *QUICK)
    assert (said.code, said.err) == (1, "nobody answered\n")
    assert said.out == "silent: no answer; last heard of 3 s ago\n"
    said = pgq("inspect", "ping", "--json", *QUICK)
    assert said.code == 1
    assert said.json[0]["answered_after"] is None
    assert said.json[0]["silent_for"] > 3


def test_ping_fails_without_workers(pgq):
    said = pgq("inspect", "ping")
    assert (said.code, said.out, said.err) == (1, "", "nobody answered\n")
    assert pgq("inspect", "ping", "--json").json == []


def test_a_worker_past_its_lease_is_said_to_be_lost(pgq, jobs):
    jobs.register("gone", lease=-1)
    assert pgq("inspect", "ping", *QUICK).out.endswith("ago: lost\n")
    assert "and its lease is over" in pgq("inspect", "active", *QUICK).err


def test_active_shows_what_runs_as_of_when(pgq, silent):
    said = pgq("inspect", "active", *QUICK)
    assert said.code == 0
    assert said.lines[1].split() == ["silent", "add", silent, "default", "1", "2", "min", "7"]
    assert said.err == "silent did not answer: as of 3 s ago\n"
    (answer,) = pgq("inspect", "active", "--json", *QUICK).json
    assert answer["active"][0]["id"] == silent


def test_registered_shows_who_knows_a_task(pgq, jobs, silent):
    del silent
    jobs.register("other", tasks=["add", "send"])
    said = pgq("inspect", "registered", *QUICK)
    assert [line.split() for line in said.lines] == [
        ["TASK", "WORKERS"],
        ["add", "other,", "silent"],
        ["send", "other"],
    ]
    answers = pgq("inspect", "registered", "--json", *QUICK).json
    assert [(a["worker"], a["tasks"]) for a in answers] == [
        ("other", ["add", "send"]),
        ("silent", ["add"]),
    ]


def test_stats_show_what_a_worker_has_done(pgq, silent):
    del silent
    said = pgq("inspect", "stats", *QUICK)
    assert said.lines[0].split()[-5:] == ["PROC.", "SUCCEEDED", "FAILED", "RETRIED", "STALE"]
    assert said.lines[1].split()[-6:] == ["1/8", "1", "5", "0", "2", "0"]
    (answer,) = pgq("inspect", "stats", "--json", *QUICK).json
    assert answer["stats"] == {"succeeded": 5, "retried": 2}
    assert answer["concurrency"] == 8


@pytest.mark.parametrize("command", ["active", "registered", "stats"])
def test_no_worker_runs(pgq, command):
    assert pgq("inspect", command).out == "no worker runs\n"
    assert pgq("inspect", command, "--json").json == []
