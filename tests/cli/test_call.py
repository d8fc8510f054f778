"""`pgq call` and `pgq result`."""

from __future__ import annotations

import threading

import pytest


@pytest.fixture
def finish_all(jobs):
    """Finishes the next job in a thread, as a worker would."""
    threads = []

    def finish_all(state="succeeded", **outcome):
        worker = jobs.register(tasks=["add", "fail"], queues=["default", "sums"])

        def work():
            while not (
                found := jobs.claim(worker, queues=["default", "sums"], tasks=["add", "fail"])
            ):
                pass
            jobs.finish(*found, state=state, **outcome)

        threads.append(threading.Thread(target=work))
        threads[-1].start()

    yield finish_all
    for thread in threads:
        thread.join()


# ── call ──


def test_a_job_is_enqueued_by_name_and_its_id_printed(pgq, jobs):
    said = pgq("call", "billing.charge", "--args", "[1, null]", "-k", '{"b": 2}', "--queue", "mail",
               "--priority", "7", "--countdown", "60")  # fmt: skip
    assert said.code == 0
    job = jobs.get(said.out.strip())
    assert (job.task, job.queue, job.priority) == ("billing.charge", "mail", 7)
    assert (job.args, job.kwargs) == ("[1, null]", '{"b": 2}')
    assert 55 < (job.run_at - job.created_at).total_seconds() <= 60


def test_a_known_task_brings_its_queue_and_priority(pgq, jobs, shop):
    del shop
    job = jobs.get(pgq("call", "-A", "shop", "add", "-a", "[1, 2]").out.strip())
    assert (job.queue, job.priority, job.max_attempts) == ("sums", 3, 4)


def test_arguments_that_do_not_fit_a_known_task_are_refused(pgq, jobs, shop):
    del shop
    said = pgq("call", "-A", "shop", "add", "-a", "[1]")
    assert said.code == 1
    assert "add(a: int, b: int) -> int: missing a required argument: 'b'" in said.err
    assert jobs.value("select count(*) from pgqueue.jobs") == 0


def test_a_task_that_the_application_does_not_know_is_enqueued_with_a_warning(pgq, jobs, shop):
    del shop
    said = pgq("call", "-A", "shop", "ad")
    assert said.code == 0
    assert said.err == (
        "warning: shop knows no task ad; did you mean add? Its jobs wait until a worker knows it.\n"
    )
    assert jobs.state(said.out.strip()) == "queued"


def test_tagged_values_are_stored_as_pgqueue_stores_them(pgq, jobs):
    said = pgq("call", "add", "-a", '[{"$date": "2026-11-22"}, {"$other": 1}]')
    assert jobs.get(said.out.strip()).args == '[{"$date": "2026-11-22"}, {"$$other": 1}]'


@pytest.mark.parametrize(
    ("option", "text", "message"),
    [
        ("--args", "[1 2]", "not JSON: expecting ',' delimiter at position 3\n    [1 2]\n       ^"),
        ("--args", "", "not JSON: expecting value at position 0\n    \n    ^"),
        ("--args", '[1,\n"x]', r"    [1,\n" + '"x]\n         ^'),
        ("--args", '{"a": 1}', "give a JSON array, such as '[1, 2]'"),
        ("--kwargs", "[1]", "give a JSON object, such as '{\"width\": 2}'"),
        ("--kwargs", "{'a': 1}", "enclosed in double quotes at position 1\n    {'a': 1}\n     ^"),
        ("--args", "[" * 100_000, "not readable: "),
        ("--args", "[1" + "0" * 5000 + "]", "not readable: "),
        ("--args", "[NaN]", "'NaN': not a finite float"),
        ("--args", '[{"$date": "soon"}]', "$date"),
    ],
)
def test_invalid_json_is_shown_where_it_is_wrong(pgq_without_database, option, text, message):
    said = pgq_without_database("call", "add", option, text)
    assert said.code == 2
    assert "Invalid value for '-" in said.err
    assert message in said.err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--priority", "10"], "priority=10: give 0 to 9"),
        (["--queue", "a\tb"], "a name is a text of printable characters"),
    ],
)
def test_values_out_of_range_are_refused(pgq, jobs, options, message):
    said = pgq("call", "add", *options)
    assert said.code == 1
    assert message in said.err
    assert jobs.value("select count(*) from pgqueue.jobs") == 0


def test_with_wait_the_result_follows(pgq, finish_all):
    finish_all(result='{"sum": 3}')
    said = pgq("call", "add", "--wait")
    assert said.code == 0
    assert said.lines[1:] == ['{"sum": 3}']
    finish_all("failed", error="ValueError: no luck")
    said = pgq("call", "fail", "--wait", "--timeout", "10")
    assert (said.code, said.err) == (1, "failed: ValueError: no luck\n")


def test_waiting_ends_with_the_timeout(pgq):
    said = pgq("call", "add", "--wait", "--timeout", "0.05")
    assert said.code == 2
    assert said.err == f"pgq: job {said.out.strip()} is queued: it has no result yet\n"
    assert "give both" in pgq("call", "add", "--timeout", "1").err


# ── result ──


def test_exit_code_0_and_json_for_a_job_that_succeeded(pgq, jobs):
    worker = jobs.register()
    for result, printed in (
        ("[1, 2]", "[1, 2]\n"),
        (None, "null\n"),
        ('"\\u001b[2J"', '"\\u001b[2J"\n'),
    ):
        said = pgq("result", jobs.finished(worker, result=result))
        assert (said.code, said.out, said.err) == (0, printed, "")


def test_exit_code_1_for_a_job_that_failed_or_was_cancelled(pgq, jobs):
    worker = jobs.register()
    failed = jobs.finished(worker, "failed", error="E: x\x1b", traceback="Trace\n  E: x\x1b")
    said = pgq("result", failed)
    assert (said.code, said.out, said.err) == (1, "", "failed: E: x\\x1b\n")
    assert pgq("result", "--traceback", failed).err == "Trace\n  E: x\\x1b\n"
    cancelled = jobs.add()
    pgq("jobs", "cancel", cancelled)
    said = pgq("result", cancelled)
    assert (said.code, said.err) == (1, "cancelled: cancelled\n")


def test_exit_code_2_for_a_job_that_has_not_finished_or_that_nobody_knows(pgq, jobs, unknown):
    worker = jobs.register()
    running, queued = jobs.running(worker).id, jobs.add()
    said = pgq("result", queued)
    assert (said.code, said.err) == (2, f"pgq: job {queued} is queued: it has no result yet\n")
    said = pgq("result", running, "--timeout", "0.02")
    assert said.code == 2
    assert "is running at attempt 1: it has no result yet" in said.err
    said = pgq("result", unknown, "--timeout", "60")
    assert said.code == 2
    assert f"no job has the id {unknown}" in said.err


def test_a_result_can_be_waited_for(pgq, jobs, finish_all):
    job = jobs.add()
    finish_all(result="42")
    said = pgq("result", job, "--timeout", "10")
    assert (said.code, said.out) == (0, "42\n")


def test_waiting_for_a_task_that_nobody_knows_is_refused(pgq, shop, jobs):
    said = pgq("call", "-A", "shop", "ad", "--wait")
    assert said.code == 1
    assert "did you mean add? Nothing was enqueued" in said.err
    assert jobs.value("select count(*) from pgqueue.jobs") == 0
