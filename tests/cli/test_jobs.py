"""`pgq jobs`: list, show, retry, cancel."""

from __future__ import annotations

from datetime import datetime

import pytest

from pgqueue.cli.jobs import BATCH


@pytest.fixture
def worker(jobs):
    return jobs.register()


@pytest.fixture
def failed(jobs, worker):
    """A job that failed twice: one attempt was retried."""
    job = jobs.running(worker, args='["a\\u0007b", {"$date": "2026-11-22"}]', max_attempts=2)
    jobs.retry(job, error="OSError: first")
    (job,) = jobs.claim(worker)
    jobs.finish(
        job, state="failed", error="ValueError: second\nline", traceback="Trace\n  x\x1b[2J"
    )
    return job.id


# ── list ──


def test_the_newest_job_comes_first_and_pages_follow_one_another(pgq, jobs):
    ids = [jobs.add() for _ in range(5)][::-1]
    first = pgq("jobs", "list", "--limit", "3")
    assert [line.split()[0] for line in first.lines[1:4]] == ids[:3]
    assert first.lines[4] == f"older ones: --before {ids[2]}"
    second = pgq("jobs", "list", "--before", ids[2])
    assert [line.split()[0] for line in second.lines[1:]] == ids[3:]


def test_jobs_are_found_by_state_queue_and_task(pgq, jobs, failed):
    mail = jobs.add("send", queue="mail")
    found = lambda *options: [row["id"] for row in pgq("jobs", "list", "--json", *options).json]  # noqa: E731
    assert found("--state", "failed") == [failed]
    assert found("--queue", "mail") == found("--task", "send") == [mail]
    assert found("--task", "send", "--state", "failed") == []
    assert set(found()) == {mail, failed}


def test_json_has_iso_times_and_nested_payloads(pgq, failed):
    (job,) = pgq("jobs", "list", "--json").json
    assert job["id"] == failed
    assert job["args"] == ["a\x07b", {"$date": "2026-11-22"}]
    assert datetime.fromisoformat(job["created_at"]).tzinfo
    assert job["expires_at"] is None


def test_a_row_is_one_line_that_fits_and_says_why(pgq, failed):
    (_, line) = pgq("jobs", "list").lines
    assert line.startswith(failed)
    assert r"ValueError: second\nline" in line
    assert len(line) <= 100


def test_a_job_that_is_never_due_can_be_listed_and_shown(pgq, jobs):
    """As those are that wait for others."""
    job = jobs.value("select pgqueue.enqueue('add', eta => 'infinity')::text")
    assert "due never" in pgq("jobs", "list").out
    assert "due        never" in pgq("jobs", "show", job).out
    assert pgq("jobs", "show", "--json", job).json["run_at"] is None


def test_nothing_found(pgq):
    assert pgq("jobs", "list").out == "no job matches\n"
    assert pgq("jobs", "list", "--json").json == []


def test_a_state_that_there_is_not(pgq):
    said = pgq("jobs", "list", "--state", "done")
    assert said.code == 2
    assert "'done' is not one of 'waiting', 'queued', 'running'" in said.err


# ── show ──


def test_all_is_shown_and_every_attempts_error(pgq, failed):
    said = pgq("jobs", "show", failed)
    assert said.lines[:3] == [
        f"id         {failed}",
        "task       add",
        "state      failed (Celery: FAILURE)",
    ]
    assert r'args       ["a\u0007b", {"$date": "2026-11-22"}]' in said.lines
    assert "attempt    2 of 2" in said.lines
    attempts = said.out.partition("\nattempt 1 (claim 1) failed ")[2]
    assert "\n  trace\n\nattempt 2 (claim 2) failed " in attempts
    assert said.out.endswith("\n  Trace\n    x\\x1b[2J\n")


def test_all_is_in_the_json(pgq, failed):
    job = pgq("jobs", "show", "--json", failed).json
    assert [attempt["error"] for attempt in job["attempts"]] == [
        "OSError: first",
        "ValueError: second\nline",
    ]
    assert job["traceback"] == "Trace\n  x\x1b[2J"


def test_a_job_that_nobody_knows(pgq, unknown):
    said = pgq("jobs", "show", unknown)
    assert said.code == 1
    assert said.err == (
        f"pgq: no job has the id {unknown}: it never existed, or its day of history is over\n"
    )


@pytest.mark.parametrize(
    "command", [["jobs", "show"], ["jobs", "retry"], ["jobs", "cancel"], ["result"]]
)
def test_what_is_not_an_id_is_refused_before_a_database_is_needed(pgq_without_database, command):
    said = pgq_without_database(*command, "42")
    assert said.code == 2
    assert "'42' is not a job's id: ids are UUIDs such as 0198c0de-" in said.err


# ── retry ──


def test_finished_jobs_run_again_and_the_others_say_why_not(pgq, jobs, failed, unknown):
    queued = jobs.add()
    said = pgq("jobs", "retry", failed, queued, unknown)
    assert said.code == 1
    assert said.out == f"{failed} will run again\n"
    assert f"pgq: {queued} is queued: only finished jobs can be retried\n" in said.err
    assert f"no job has the id {unknown}" in said.err
    assert jobs.state(failed) == "queued"


def test_many_jobs_are_retried_after_a_question(pgq, jobs, failed, worker):
    other = jobs.finished(worker, "failed", error="x")
    said = pgq("jobs", "retry", "--state", "failed", "--task", "add", typed="y\n")
    assert said.code == 0
    assert "Retry 2 failed jobs of task add? [y/N]" in said.err
    assert said.lines[-1] == "retried 2 jobs"
    assert {jobs.state(failed), jobs.state(other)} == {"queued"}


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("n\n", "pgq: nothing was done\n"),
        ("", "pgq: nothing was done: nobody answered; --yes does not ask\n"),
    ],
)
def test_a_no_changes_nothing(pgq, jobs, failed, typed, message):
    said = pgq("jobs", "retry", "--state", "failed", typed=typed)
    assert said.code == 1
    assert said.err.endswith(message)
    assert jobs.state(failed) == "failed"


def test_more_than_a_batch_is_retried_and_cancelled(pgq, jobs):
    number = 2 * BATCH + 1
    jobs.connection.execute(
        "insert into pgqueue.jobs_live (id, task, run_at, created_at) "
        "select pgqueue.uuid7(), 'add', now(), now() from generate_series(1, %s)",
        [number],
    )
    assert f"cancelled {number:,} jobs" in pgq("jobs", "cancel", "--state", "queued", "-y").out
    assert f"retried {number:,} jobs" in pgq("jobs", "retry", "--state", "cancelled", "-y").out
    assert jobs.value("select count(*) from pgqueue.jobs_live where state = 'queued'") == number


# ── cancel ──


def test_each_job_says_what_became_of_it(pgq, jobs, worker, failed, unknown):
    running, queued = jobs.running(worker).id, jobs.add()
    said = pgq("jobs", "cancel", queued, running, failed, unknown)
    assert said.code == 1
    assert said.lines == [f"{queued} cancelled", f"{running} runs; it will not be tried again"]
    assert f"pgq: {failed} is already failed\n" in said.err
    assert f"no job has the id {unknown}" in said.err
    assert (jobs.state(queued), jobs.state(running)) == ("cancelled", "running")
    assert pgq("jobs", "cancel", queued, running).code == 0


def test_only_matching_jobs_are_cancelled(pgq, jobs):
    mail, other = jobs.add(queue="mail"), jobs.add()
    said = pgq("jobs", "cancel", "--state", "queued", "-Q", "mail", "--yes")
    assert said.lines[-1] == "cancelled 1 job"
    assert (jobs.state(mail), jobs.state(other)) == ("cancelled", "queued")
    assert pgq("jobs", "cancel", "--state", "queued", "-Q", "mail").out == "no job matches\n"


@pytest.mark.parametrize("command", ["retry", "cancel"])
def test_either_ids_or_criteria(pgq, unknown, command):
    for options in ([], ["--task", "add"]):
        said = pgq("jobs", command, *options)
        assert said.code == 2
        assert "which jobs? Give their ids, or --state" in said.err
    said = pgq("jobs", command, unknown, "--task", "add")
    assert said.code == 2
    assert "not both" in said.err
