"""`pgq status`, `pgq queues` and `pgq purge`."""

from __future__ import annotations

import psycopg
import pytest

from pgqueue import operations
from pgqueue.allowance import Allowance
from pgqueue.cli import purge, status
from pgqueue.identifiers import uuid7
from pgqueue.rows import NewJob


def paused(jobs):
    return {row.queue for row in jobs.run(operations.queues()) if row.paused}


# ── status ──


def test_everything_is_there_at_a_glance(pgq, jobs):
    worker = jobs.register("w1", queues=["default", "mail"])
    jobs.finished(worker)
    jobs.running(worker)
    jobs.add(queue="mail", countdown=60)
    jobs.add("strange")
    said = pgq("status")
    assert said.code == 0
    assert said.lines[2:4] == [
        "WAITING  SCHEDULED  READY  RUNNING  SUCCEEDED  FAILED  CANCELLED  OLDEST READY",
        f"      0          1      1        1          1       0          0  {said.lines[3][-12:]}",
    ]
    assert any(line.startswith("mail") for line in said.lines)
    assert any(line.startswith("w1 ") for line in said.lines)
    assert said.lines[-1] == (
        "warning: no live worker can run task strange from queue default (1 job)"
    )
    assert max(map(len, said.lines)) <= 100


def test_the_same_as_json(pgq, jobs):
    jobs.add("strange")
    document = pgq("status", "--json").json
    assert document["jobs"] == {
        "waiting": 0,
        "scheduled": 0,
        "ready": 1,
        "running": 0,
        "succeeded": 0,
        "failed": 0,
        "cancelled": 0,
    }
    assert document["queues"][0]["queue"] == "default"
    assert document["workers"] == []
    (stuck,) = document["unclaimable"]
    assert (stuck["queue"], stuck["task"], stuck["jobs"]) == ("default", "strange", 1)


def test_an_empty_database(pgq):
    said = pgq("status")
    assert "no queue has jobs" in said.out
    assert "no worker runs: start one with 'pgq worker -A …'" in said.out


def test_a_history_too_long_to_count_is_estimated(pgq, jobs, monkeypatch):
    for _ in range(3):
        jobs.finished(jobs.register())
    jobs.connection.execute("analyze pgqueue.jobs")

    def too_slow():
        raise psycopg.errors.QueryCanceled

    monkeypatch.setattr(status.operations, "counts", too_slow)
    said = pgq("status")
    assert "~3" in said.lines[3]
    assert "~ is an estimate: counting took longer than 2 s" in said.out


# ── queues ──


def test_queues_are_listed(pgq, jobs):
    jobs.add(queue="mail")
    jobs.run(operations.pause("slow"))
    said = pgq("queues", "list")
    assert [line.split()[0] for line in said.lines[1:]] == ["mail", "slow"]
    assert said.lines[2].endswith("paused")
    rows = pgq("queues", "list", "--json").json
    assert [(row["queue"], row["ready"], row["paused"]) for row in rows] == [
        ("mail", 1, False),
        ("slow", 0, True),
    ]
    assert pgq("queues", "list", "--schema", "pgqueue").code == 0


def test_queues_are_paused_and_resumed_by_name(pgq, jobs):
    jobs.add(queue="mail")
    said = pgq("queues", "pause", "mail", "slwo")
    assert said.out == "paused mail\npaused slwo\n"
    assert said.err == "warning: queue slwo has no jobs and no worker: is its name right?\n"
    assert paused(jobs) == {"mail", "slwo"}
    assert pgq("queues", "resume", "mail", "other").out == "mail resumed\nother was not paused\n"
    assert paused(jobs) == {"slwo"}


def test_all_queues_can_be_paused_and_resumed(pgq, jobs):
    jobs.add(queue="a")
    jobs.register(queues=["b"])
    assert pgq("queues", "pause", "--all").code == 0
    assert paused(jobs) == {"a", "b"}
    assert pgq("queues", "resume", "--all").code == 0
    assert paused(jobs) == set()
    said = pgq("queues", "resume", "--all")
    assert (said.code, said.err) == (1, "pgq: there is no such queue\n")


@pytest.mark.parametrize("command", ["pause", "resume"])
def test_names_are_needed(pgq, command):
    for arguments in ([], ["mail", "--all"]):
        said = pgq("queues", command, *arguments)
        assert said.code == 2
        assert "name the queues, or give --all" in said.err
    assert "a name is a text of printable characters" in pgq("queues", command, "a\nb").err


def test_a_queue_is_limited_and_shown_so(pgq, jobs):
    assert pgq("queues", "limit", "mail", "1").out == "mail: 1 job may wait\n"
    assert pgq("queues", "list").lines[1].endswith("limit: 1")
    assert pgq("call", "add", "-Q", "mail").code == 0
    assert pgq("queues", "list").lines[1].endswith("full: 1")
    refused = pgq("call", "add", "-Q", "mail")
    assert refused.code == 1
    assert 'queue "mail" is full: at most 1 jobs may wait in it' in refused.err
    assert pgq("queues", "list", "--json").json[0]["max_depth"] == 1
    assert pgq("queues", "limit", "mail", "none").out == "mail: any number of jobs may wait\n"
    assert pgq("call", "add", "-Q", "mail").code == 0
    assert "give a number of jobs" in pgq("queues", "limit", "mail", "few").err


def test_a_queue_keeps_its_jobs_for_a_time_of_its_own(pgq):
    assert pgq("queues", "keep", "mail", "3600").out == "mail: finished jobs are kept for 60 min\n"
    assert pgq("queues", "list").lines[1].endswith("kept: 60 min")
    assert "as long as all others" in pgq("queues", "keep", "mail", "none").out
    assert "give a number of seconds" in pgq("queues", "keep", "mail", "nan").err


def test_a_queue_gets_a_rate_and_is_shown_so(pgq, jobs):
    said = pgq("queues", "rate", "mail", "10/m", "--burst", "3")
    assert said.out == "mail: at most 10/m start, 3 at once after a rest\n"
    assert pgq("queues", "list").lines[1].endswith("rate: 10/m (burst 3)")
    (row,) = pgq("queues", "list", "--json").json
    assert (row["rate_limit"], row["rate_burst"]) == ("10/m", 3)
    assert pgq("queues", "rate", "mail", "2.5").out == "mail: at most 2.5 start\n"
    assert pgq("queues", "rate", "mail", "none").out == "mail: jobs start as often as they like\n"
    assert pgq("queues", "list").lines[1].split() == ["mail", "0", "0", "0", "0", "-"]
    for wrong in ("often", "0/m"):
        said = pgq("queues", "rate", "mail", wrong)
        assert said.code == 2
        assert "give a rate such as 10/s, 10/m or 10/h, or none" in said.err
    assert jobs.value("select count(*) from pgqueue.paces") == 1


# ── purge ──


def test_queues_are_emptied_in_batches_and_it_is_said_where_the_jobs_went(pgq, jobs, monkeypatch):
    monkeypatch.setattr(purge, "BATCH", 2)
    mail = [jobs.add(queue="mail") for _ in range(4)] + [jobs.add(queue="mail", countdown=60)]
    other = jobs.add()
    said = pgq("purge", "-Q", "mail", typed="y\n")
    assert said.code == 0
    assert "Cancel 5 jobs of 1 queue: mail (5)? [y/N]" in said.err
    assert said.lines[-1] == (
        "5 jobs cancelled; kept in the history for 14 d; "
        "'pgq jobs retry --state cancelled' brings them back"
    )
    assert {jobs.state(job) for job in mail} == {"cancelled"}
    assert jobs.state(other) == "queued"


def test_without_a_name_every_queue_is_emptied_but_running_jobs_go_on(pgq, jobs):
    running = jobs.running(jobs.register()).id
    queued = [jobs.add(queue="a"), jobs.add(queue="b")]
    assert pgq("purge", "--yes").out.startswith("2 jobs cancelled")
    assert {jobs.state(job) for job in queued} == {"cancelled"}
    assert jobs.state(running) == "running"
    assert pgq("purge").out == "nothing waits\n"


def test_a_no_empties_nothing(pgq, jobs):
    job = jobs.add()
    assert pgq("purge", typed="n\n").code == 1
    assert jobs.state(job) == "queued"


# ── limits ──


def test_limited_jobs_are_listed_with_why_they_wait(pgq, jobs):
    assert "no limited job waits or runs" in pgq("queues", "limits").out
    few = Allowance(max_concurrency=1)
    new = [NewJob(uuid7(), "add", "[]", "{}", allowance=few) for _ in range(3)]
    jobs.run(operations.enqueue_many(new, wake=False))
    worker = jobs.register()
    jobs.run(operations.claim_limited(worker, ["default"], ["add"], 8))
    (_, line) = pgq("queues", "limits").lines
    assert line.split(maxsplit=6) == ["add", "default", "1", "-", "1", "2", "1 of 1 run"]
    (row,) = pgq("queues", "limits", "--json").json
    assert (row["limit_key"], row["running"], row["waiting"]) == ("add", 1, 2)


def test_a_limited_job_is_shown_with_what_it_waits_for(pgq, jobs):
    few = Allowance(max_concurrency=1)
    new = [NewJob(uuid7(), "add", "[]", "{}", allowance=few) for _ in range(2)]
    jobs.run(operations.enqueue_many(new, wake=False))
    waiting = str(new[1].id)
    assert "limit      add: no worker has looked at it yet" in pgq("jobs", "show", waiting).lines
    jobs.run(operations.claim_limited(jobs.register(), ["default"], ["add"], 8))
    shown = pgq("jobs", "show", waiting)
    assert "limit      add: 1 of 1 run, 1 wait" in shown.lines
    assert pgq("jobs", "show", "--json", waiting).json["limit"]["max_concurrency"] == 1
    jobs.run(operations.rate_queue("mail", "10/m"))
    mail = [jobs.add(queue="mail") for _ in range(2)]
    jobs.run(operations.park(["mail"], {}, known=["add"]))
    jobs.run(operations.claim_limited(jobs.register(queues=["mail"]), ["mail"], ["add"], 8))
    (said,) = [line for line in pgq("jobs", "show", mail[1]).lines if line.startswith("limit")]
    assert ":mail: 1 run, 1 wait, 10/m for all of mail, next in " in said
    assert pgq("queues", "list").lines[1].endswith("limited: 1 of the ready")


def test_the_doctor_names_full_queues(pgq, jobs):
    jobs.run(operations.limit_queue("mail", 1))
    assert "mail is full" not in pgq("doctor").out
    jobs.add(queue="mail")
    assert "mail is full: 1 job may wait and do, so that enqueues fail" in pgq("doctor").out


def test_the_doctor_names_keys_that_nobody_looks_at(pgq, jobs):
    job = NewJob(uuid7(), "add", "[]", "{}", allowance=Allowance(max_concurrency=1))
    jobs.run(operations.enqueue(job))
    jobs.run(operations.claim_limited(jobs.register(), ["default"], ["add"], 0))
    jobs.connection.execute("update pgqueue.lines set next_at = now() - interval '1 minute'")
    assert "1 job of add in queue default could start" in pgq("doctor").out
