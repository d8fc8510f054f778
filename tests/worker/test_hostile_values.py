"""Whatever a task raises or returns, and whatever somebody writes into the tables with SQL: the job
ends in a state that can be read and retried, the jobs beside it end normally, nobody else suffers.
"""

from __future__ import annotations

import json
import re
from itertools import count
from pathlib import Path

import pytest
from psycopg.types.json import Jsonb

from pgqueue import InvalidPayload, TaskFailed, TaskRevokedError, operations
from support.hostile import ERRORS, FORGED, NAMES, RESULTS
from support.waiting import wait_for

WAIT = 60
LINE = re.compile(r"(\d\d:\d\d:\d\d\.\d{3} (DEBUG|INFO|WARNING|ERROR) +\S+ +|    )")
#: In kB: what creating and describing the largest of the values may take, and no more.
CHILD, SUPERVISOR = 900_000, 150_000


@pytest.fixture
def worker(start_worker):
    return start_worker("--processes", "1", "-c", "4", app="support.hostile").ready()


@pytest.fixture
def good(send):
    """Good jobs: called, enqueues some more; `good.end()` waits for all of them."""

    class Good:
        def __init__(self):
            self._results = {}
            self._numbers = count()

        def __call__(self, times=1):
            for _ in range(times):
                n = next(self._numbers)
                self._results[send("add", n, 1) if n % 2 else send("later", n + 1)] = n + 1

        def end(self):
            assert {r.get(WAIT): n for r, n in self._results.items()} == {
                n: n for n in self._results.values()
            }
            rows = [r.job() for r in self._results]
            assert {(job.attempt, job.crashes) for job in rows} == {(1, 0)}

    return Good()


def peak(pid):
    """The most memory that a process has had, in kB."""
    return int(re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())[1])


def failure(result):
    """How a job failed: its type and message, after a look at what is stored of it."""
    with pytest.raises(TaskFailed) as caught:
        result.get(WAIT)
    job = result.job()
    assert job.state == "failed"
    assert job.error.isprintable()
    assert len(job.error.encode()) <= 4096
    assert len((job.traceback or "").encode()) <= 65_536
    assert all(
        line.isprintable() for line in job.traceback.split("\n") for line in line.split("\t")
    )
    assert isinstance(result.result, TaskFailed)
    return str(caught.value)


def check(worker, child, send):
    """Nothing was killed, filled or forged on the way."""
    assert send("who").get(WAIT) == child, "the process that ran it all still does"
    assert peak(child) < CHILD
    assert peak(worker.process.pid) < SUPERVISOR
    assert all(LINE.match(line) for line in worker.log.splitlines()), worker.log
    assert "Traceback" not in "".join(re.findall(r"(?m)^\S.*", worker.log))


@pytest.mark.parametrize("task", ["raise_this", "araise_this"])
def test_whatever_a_task_raises_fails_its_job_readably_and_no_other(worker, send, good, jobs, task):
    child = send("who").get(WAIT)
    results = {}
    for kind in ERRORS:
        results[kind] = send(task, kind)
        good(5)
    said = {kind: failure(result) for kind, result in results.items()}
    unlike = {k: said[k][:200] for k in said if not said[k].startswith(ERRORS[k][1])}
    assert not unlike
    good.end()
    check(worker, child, send)
    ids = [result.id for result in results.values()]
    assert jobs.run(operations.requeue(ids)) == set(ids), "each can be retried"


def test_whatever_a_task_raises_can_be_retried_automatically(worker, send, good):
    child = send("who").get(WAIT)
    kinds = [k for k in ERRORS if not k.startswith(("a retry", "a stale"))]
    results = {}
    for kind in kinds:
        results[kind] = send("retry_this", kind)
        good()
    for kind, result in results.items():
        assert failure(result).startswith(ERRORS[kind][1]), kind
        assert (result.job().attempt, result.job().failures) == (2, 1)
    good.end()
    check(worker, child, send)


def test_a_result_that_cannot_be_stored_fails_its_job_and_says_why(worker, send, good, jobs):
    child = send("who").get(WAIT)
    results = {}
    for kind in RESULTS:
        results[kind] = send("return_this", kind)
        good(5)
    said = {kind: failure(result) for kind, result in results.items()}
    unlike = {k: said[k][:200] for k in said if RESULTS[k][1] not in said[k]}
    assert not unlike
    good.end()
    check(worker, child, send)
    ids = [result.id for result in results.values()]
    assert jobs.run(operations.requeue(ids)) == set(ids)


def deep(levels):
    return "[" * levels + "]" * levels


#: Arguments as plain SQL can write them, and a part of the reason for which they are refused.
ARGS = {
    "an int of 5,000 digits": ("[" + "9" * 5_000 + "]", "cannot be read as JSON"),
    "1e20000": ("[1e20000]", "cannot be read as JSON"),
    "a number with 20,000 digits after the point": ("[0." + "1" * 15_000 + "]", None),
    "beyond a float": ("[" + "1" * 400 + ".5]", "not a finite float"),
    "5,000 levels": (deep(5_000), "InvalidPayload"),
    "300 levels": (deep(300), "nested deeper than 100 levels"),
    "half a tag": ('[{"$datetime": "tomorrow"}]', "no datetime"),
    "a tag that is not ours": ('[{"$type": "os.system"}]', None),
    "escape codes": (json.dumps([FORGED]), None),
    "an object": ('{"a": 1}', None),
    "a number": ("5", "TypeError"),
    "null": ("null", "TypeError"),
    "text": ('"ab"', None),
    "20 MB": (json.dumps(["x" * 20_000_000]), None),
    "6 MB of brackets": ("[" + ",".join(["[]"] * 2_000_000) + "]", None),
}
KWARGS = {
    "a list": ("[1]", "TypeError"),
    "a number": ("5", "TypeError"),
    "odd names": ('{"": 1, "a b": 2, "self": 3, "\\n": 4, "class": 5}', None),
    "10,000 names": (json.dumps({f"k{n}": n for n in range(10_000)}), None),
}
#: Other columns.
ROWS = {
    "headers are a number": ({"headers": Jsonb(5)}, None),
    "headers too deep": ({"headers": Jsonb(json.loads(deep(200)))}, "nested deeper"),
    "expired long ago": ({"expires_at": "-infinity"}, "expired"),
    "never expires": ({"expires_at": "infinity"}, None),
    "expires after python's calendar": ({"expires_at": "294276-12-31"}, None),
    "due before python's calendar": ({"run_at": "4713-01-01 BC"}, None),
    "always due": ({"run_at": "-infinity"}, None),
    "no attempt allowed": ({"max_attempts": 0}, None),
    "less than none": ({"max_attempts": -5}, None),
    "past errors": ({"past_errors": Jsonb([{"error": FORGED}])}, None),
}


def test_whatever_sql_writes_into_a_job_ends_that_job_and_no_other(
    worker, send, good, jobs, app, connection
):
    child = send("who").get(WAIT)

    def insert(**columns):
        given = {"task": "any", "run_at": "now", "created_at": "now", **columns}
        row = connection.execute(
            f"insert into pgqueue.jobs_live (id, {', '.join(given)}) "
            f"values (pgqueue.uuid7(), {', '.join(['%s'] * len(given))}) returning id",
            list(given.values()),
        ).fetchone()
        good(10)
        return app.AsyncResult(row[0])

    results = {(k, why): insert(args=text) for k, (text, why) in ARGS.items()}
    results |= {(k, why): insert(kwargs=text) for k, (text, why) in KWARGS.items()}
    results |= {(k, why): insert(**columns) for k, (columns, why) in ROWS.items()}
    for (kind, why), result in results.items():
        if why is None:
            assert isinstance(result.get(WAIT), int), kind
        else:
            with pytest.raises((TaskFailed, TaskRevokedError), match=re.escape(why)):
                result.get(WAIT)
            assert result.job().error.isprintable(), kind
    good.end()
    assert send("who").get(WAIT) == child
    assert all(LINE.match(line) for line in worker.log.splitlines()), worker.log
    ids = [result.id for result in results.values()]
    assert jobs.run(operations.requeue(ids)) == set(ids)


@pytest.mark.parametrize("value", ["9" * 5_000, "[1e20000]", deep(5_000), '{"$uuid": "nobody\'s"}'])
def test_a_result_that_python_cannot_read_is_said_to_be_that(
    worker, send, connection, value, until
):
    result = send("add", 1, 1)
    assert result.get(WAIT) == 2
    connection.execute("update pgqueue.jobs set result = %s::jsonb", [value])
    assert result.state == "SUCCESS"
    for ask in (result.get, lambda: result.result):
        with pytest.raises(InvalidPayload, match=f"the result of job {result.id}: ") as caught:
            ask()
        assert len(str(caught.value)) < 1000


def test_10000_tasks_that_nobody_knows_stop_nobody(worker, send, connection, good, start_worker):
    connection.execute(
        "insert into pgqueue.jobs_live (id, task, run_at, created_at, priority) "
        "select pgqueue.uuid7(), 'unknown ' || n || %s, pgqueue.now(), pgqueue.now(), n %% 10 "
        "from generate_series(1, 10000) n",
        [FORGED],
    )
    good(200)
    good.end()
    states = (
        "select count(*) from pgqueue.jobs_live where task like 'unknown%' and state = 'queued'"
    )
    assert connection.execute(states).fetchone()[0] == 10_000
    second = start_worker("--processes", "1", app="support.hostile").ready()  # finds them there
    good(200)
    good.end()
    assert second.stop() == 0


@pytest.mark.sessions("nobody is woken")
def test_names_with_quotes_wide_characters_and_markup_are_served_and_woken_for(
    start_worker, app, until, connection
):
    worker = start_worker("--processes", "1", "-n", NAMES[0], app="support.hostile").ready()
    gates = "select count(*) from pg_locks where locktype = 'advisory' and mode = 'ShareLock'"
    for number, name in enumerate(NAMES):
        until(lambda: connection.execute(gates).fetchone()[0] >= len(NAMES), "it to lie down")
        assert app.send_task(name, queue=name).get(WAIT) == number
    assert worker.stop() == 0
    assert connection.execute("select name from pgqueue.workers").fetchone() == (NAMES[0],)


def test_names_that_cannot_be_shown_wait_and_are_in_nobodys_way(worker, connection, good):
    for name in (FORGED, "", "\t", "x" * 2000, "\x1e\x1f", "\\"):
        connection.execute(
            "insert into pgqueue.jobs_live (id, task, queue, run_at, created_at) values "
            "(pgqueue.uuid7(), %(name)s, 'default', pgqueue.now(), pgqueue.now()), "
            "(pgqueue.uuid7(), 'add', %(name)s, pgqueue.now(), pgqueue.now())",
            {"name": name},
        )
        good(10)
    good.end()
    assert connection.execute("select count(*) from pgqueue.jobs_live").fetchone() == (12,)


@pytest.mark.parametrize("style", ["human", "json"])
def test_no_log_line_can_be_forged(start_worker, send, until, style):
    worker = start_worker(
        "--processes", "1", "--log-format", style, "-l", "debug", app="support.hostile"
    )
    worker.logged("is ready")
    send("say").get(WAIT)
    failure(send("raise_this", "a forged message"))
    worker.logged("thread .* died")
    worker.logged("without a text")
    assert worker.stop() == 0
    lines = worker.log.splitlines()
    assert all(line.isprintable() for line in lines), worker.log
    if style == "human":
        assert all(LINE.match(line) for line in lines), worker.log
    else:
        assert {json.loads(line)["level"] for line in lines} >= {"info", "warning", "error"}
    for said in ("warning", "cannot be logged", "with its traceback", "died", "failed at attempt"):
        assert said in worker.log.lower()


@pytest.mark.parametrize("task", ["exit_beside", "stop_the_loop", "cancel_everybody"])
def test_a_task_that_ends_the_event_loop_ends_no_other_task(worker, send, task):
    child = send("who").get(WAIT)
    for _ in range(5):
        send(task).get(WAIT)
        assert send("later", "still").get(WAIT) == "still"
    assert send("who").get(WAIT) == child


def test_jobs_beside_one_that_cancels_all_asyncio_tasks_end_in_a_state_and_hold_no_slot(
    worker, send
):
    results = []
    for _ in range(30):
        results += [send("later", 1, max_retries=0), send("cancel_everybody")]
    for result in results:
        wait_for(result.ready, "each to end", WAIT)
    assert send("later", "still").get(WAIT) == "still"
