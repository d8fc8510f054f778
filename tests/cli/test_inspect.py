"""`pgq inspect` and `pgq control`: what workers say, and what they are told."""

from __future__ import annotations

import json

import pytest

from pgqueue import operations
from support.workers import Worker

QUICK = ("-t", "0.05")
PATIENT = ("-t", "20")


@pytest.fixture
def silent(jobs):
    """A worker that runs a job and answers no question."""
    worker = jobs.register("silent", tasks=["add"])
    job = jobs.running(worker)
    jobs.run(operations.heartbeat(worker, 30, "{}", json.dumps([{"id": job.id}])))
    return job.id


@pytest.fixture
def w1(database, tmp_path):
    """A worker `w1` of one process and two slots, ready."""
    worker = Worker(database, tmp_path / "log", "-n", "w1", "--processes", "1", "-c", "2")
    yield worker.ready()
    worker.destroy()


def test_a_worker_is_asked_and_told(pgq, w1):
    said = pgq("inspect", "ping", *PATIENT)
    assert (said.code, said.out, said.err) == (0, "w1: pong\n", "")
    assert pgq("inspect", "ping", "-j", *PATIENT).json == {"w1": {"ok": "pong"}}
    known = pgq("inspect", "registered", *PATIENT)
    assert ["add", "w1"] in [line.split() for line in known.lines]
    said = pgq("control", "add_consumer", "extra", "-d", "w1", *PATIENT)
    assert (said.code, said.out) == (0, "w1: add consumer extra\n")
    assert pgq("inspect", "active_queues").lines[1].split() == ["w1", "default,", "extra"]
    said = pgq("control", "pool_grow", "2", "--json", *PATIENT)
    assert said.json == [{"w1": {"ok": "pool will grow"}}]
    assert pgq("inspect", "stats", *PATIENT).lines[1].split()[4] == "4"
    said = pgq("control", "pool_shrink", "9", *PATIENT)
    assert (said.code, said.out) == (1, "")
    assert said.err.startswith("w1: error: 4 slots cannot become -5")
    said = pgq("control", "time_limit", "add", "none", "60", *PATIENT)
    assert (said.code, said.out) == (0, "w1: time limits set successfully\n")
    assert pgq("inspect", "report", *PATIENT).lines[0] == "w1"
    assert ["w1", "worker_concurrency", "4"] in [
        line.split() for line in pgq("inspect", "conf", *PATIENT).lines
    ]
    assert pgq("control", "shutdown", typed="n\n").code == 1
    assert pgq("control", "shutdown", "-y", *PATIENT).out == "w1: worker will stop\n"
    assert w1.ended() == 0


@pytest.mark.parametrize("question", ["ping", "stats", "report", "conf"])
def test_nobody_answers_what_only_a_worker_knows(pgq, silent, question):
    del silent
    said = pgq("inspect", question, *QUICK)
    assert (said.code, said.out, said.err) == (69, "", "no worker answered within 0.05 s\n")
    said = pgq("inspect", question, "--json", *QUICK)
    assert (said.code, said.json) == (69, {})


@pytest.mark.parametrize(
    "question", ["active", "reserved", "scheduled", "registered", "active_queues", "revoked"]
)
def test_without_a_worker_nobody_answers(pgq, question):
    assert pgq("inspect", question).code == 69
    assert pgq("inspect", question, "--json").json == {}


def test_what_is_in_tables_is_told_of_a_silent_worker(pgq, jobs, silent):
    later = jobs.add(countdown=3600)
    revoked = jobs.add()
    said = pgq("inspect", "active", *QUICK)
    assert said.code == 0
    assert said.lines[1].split()[:4] == ["silent", "add", silent, "default"]
    assert pgq("inspect", "active", "-j", *QUICK).json["silent"][0]["id"] == silent
    assert pgq("inspect", "reserved", *QUICK).out == "nothing is reserved\n"
    assert pgq("inspect", "scheduled").lines[1].split()[:5] == [
        "silent", "add", later, "default", "0",
    ]  # fmt: skip
    assert pgq("inspect", "query_task", silent, *QUICK).lines[1].split() == [
        "silent", silent, "active", "add",
    ]  # fmt: skip
    assert pgq("inspect", "query_task", later, *QUICK).out == "no worker has any of them\n"
    assert pgq("inspect", "revoked").out == "nothing was revoked\n"
    assert pgq("control", "revoke", revoked).out == f"{revoked}: cancelled\n"
    assert pgq("inspect", "revoked").lines == [revoked]


def test_only_who_is_named_is_asked(pgq, jobs, silent):
    del silent
    jobs.register("other", tasks=["add", "send"])
    assert [line.split() for line in pgq("inspect", "registered").lines] == [
        ["TASK", "WORKERS"],
        ["add", "other,", "silent"],
        ["send", "other"],
    ]
    assert pgq("inspect", "registered", "-d", "other,nobody", "-j").json == {
        "other": ["add", "send"]
    }
    assert pgq("inspect", "registered", "-d", "nobody").code == 69


def test_jobs_are_terminated_whoever_is_there(pgq, jobs, silent, unknown):
    said = pgq("control", "terminate", silent, "-s", "KILL")
    assert (said.code, said.out) == (0, f"{silent}: running: its worker is told\n")
    told = jobs.value("select arguments ->> 'signal' from pgqueue.commands order by id desc")
    assert told == "SIGKILL"
    said = pgq("control", "revoke", unknown)
    assert (said.code, said.out) == (1, f"{unknown}: unknown: there is no such job\n")
    assert "give one of SIGTERM" in pgq("control", "terminate", silent, "-s", "USR1").err


def test_nobody_is_told(pgq, silent):
    del silent
    said = pgq("control", "pool_grow", *QUICK)
    assert (said.code, said.err) == (69, "no worker answered within 0.05 s\n")
    assert pgq("control", "pool_grow", "--json", *QUICK).json == []


def test_what_makes_no_sense_is_refused(pgq):
    assert pgq("control", "time_limit", "add", "soon").code == 2
    assert "for all workers" in pgq("control", "time_limit", "add", "5", "-d", "w1").err
    assert pgq("control", "rate_limit", "add", "often").code == 1
    assert pgq("control", "pool_grow", "0").code == 2
    assert "nothing to enable" in pgq("control", "enable_events").out
    assert "nothing to disable" in pgq("control", "disable_events").out
