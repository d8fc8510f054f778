"""The guide "Workers": what is asked of them, and what they are told, while they run."""

from __future__ import annotations

import json
import signal

import pytest

from pgqueue import InvalidOption, TaskRevokedError

PROJECT = "orchard"
APP = "orchard.celery"
WORKER = ("--processes", "1", "-c", "4", "-n", "main@%h", "-Q", "default")
WAIT = 30
#: Who is busy may need longer than the second that one waits for answers unasked.
PATIENT = ("-t", str(WAIT))


@pytest.fixture
def tasks(project, worker):
    return project("orchard.tasks")


@pytest.fixture
def app(project):
    return project("orchard.celery").app


@pytest.fixture
def name(connection, worker):
    """The name under which the module's worker answers."""
    found = "select name from pgqueue.workers where name like 'main@%%' and stopped_at is null"
    return connection.execute(found).fetchone()[0]


@pytest.fixture
def another(start_worker, connection):
    """Starts a worker of a test's own on a queue of its own; it has `.name`, and ends with it."""
    started = []

    def another(label, *options):
        worker = start_worker("--processes", "1", "-n", f"{label}@%h", "-Q", label, *options)
        worker.ready()
        found = "select name from pgqueue.workers where name like %s and stopped_at is null"
        (worker.name,) = connection.execute(found, [f"{label}@%"]).fetchone()
        started.append(worker)
        return worker

    yield another
    for worker in started:
        if worker.process.poll() is None:
            worker.signal(signal.SIGQUIT)  # one that is killed would still be asked
            assert worker.ended() == 0


@pytest.fixture
def running(tasks, lock, until, app):
    """A job that runs until `held.free()`."""
    held = lock(9400)
    result = tasks.hold.delay("apples", held.key)
    until(held.wanted)
    yield result
    held.free()
    result.get(timeout=WAIT, propagate=False)


# ── starting and stopping ────────────────────────────────────────────────────────────────────────


def test_the_first_signal_lets_running_jobs_end(tasks, another, lock, until):
    worker = another("stopping")
    held = lock(9401)
    result = tasks.hold.apply_async(("apples", held.key), queue="stopping")
    until(held.wanted)
    worker.signal(signal.SIGTERM)
    worker.logged("stop")
    held.free()
    assert (worker.ended(), result.get(timeout=WAIT)) == (0, "apples")


# ── revoke ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("way", ["result", "control", "list"])
def test_a_job_that_has_not_begun_is_revoked_at_once(tasks, app, way):
    """It is a row, and no worker has to remember it."""
    result = tasks.pour.apply_async((1, 1), countdown=600)
    if way == "result":
        result.revoke()
    else:
        app.control.revoke(result.id if way == "control" else [result.id])
    assert result.state == "REVOKED"
    with pytest.raises(TaskRevokedError):
        result.get(timeout=WAIT)


@pytest.mark.parametrize("number", ["SIGTERM", "SIGKILL"])
def test_a_running_job_is_terminated(tasks, app, another, lock, until, number):
    another(f"killed-{number.lower()}", "-c", "1")
    held = lock(9402)
    result = tasks.hold.apply_async(("apples", held.key), queue=f"killed-{number.lower()}")
    until(held.wanted)
    app.control.revoke(result.id, terminate=True, signal=number)
    with pytest.raises(TaskRevokedError):
        result.get(timeout=WAIT)
    held.free()


# ── limits at run time ───────────────────────────────────────────────────────────────────────────


def test_time_limits_are_changed(app, name):
    """For all workers, and those that are started later: a part of them cannot be meant."""
    said = app.control.time_limit("orchard.tasks.slow", soft=60, hard=120, reply=True)
    assert {name: {"ok": "time limits set successfully"}} in said
    with pytest.raises(InvalidOption, match="for all workers"):
        app.control.time_limit("orchard.tasks.slow", soft=60, destination=[name])


def test_rate_limits_are_changed(app, name, pgq):
    said = app.control.rate_limit("orchard.tasks.slow", "200/m", reply=True)
    assert {name: {"ok": "new rate limit set successfully"}} in said
    assert pgq("control", "rate_limit", "orchard.tasks.slow", "10/m", *PATIENT).code == 0


# ── queues ───────────────────────────────────────────────────────────────────────────────────────


def test_a_worker_takes_a_queue_on_and_leaves_it(tasks, app, another):
    worker = another("wide")
    result = tasks.pour.apply_async((2, 2), queue="more")
    (said,) = app.control.add_consumer("more", reply=True, destination=[worker.name])
    assert "more" in said[worker.name]["ok"]
    assert result.get(timeout=WAIT) == 4
    queues = app.control.inspect([worker.name], timeout=WAIT).active_queues()
    assert {queue["name"] for queue in queues[worker.name]} == {"wide", "more"}
    (said,) = app.control.cancel_consumer("more", reply=True, destination=[worker.name])
    assert "no longer consuming" in said[worker.name]["ok"]
    queues = app.control.inspect([worker.name], timeout=WAIT).active_queues()
    assert {queue["name"] for queue in queues[worker.name]} == {"wide"}


def test_queues_are_told_of_at_the_shell(another, pgq):
    worker = another("shelled")
    assert pgq("control", "add_consumer", "shells", "-d", worker.name, *PATIENT).code == 0
    assert "shells" in pgq("inspect", "active_queues", "-d", worker.name).out
    assert pgq("control", "cancel_consumer", "shells", "-d", worker.name, *PATIENT).code == 0


# ── inspect ──────────────────────────────────────────────────────────────────────────────────────


def test_inspect_shows_what_runs(app, name, running):
    (job,) = [
        job for job in app.control.inspect(timeout=WAIT).active()[name] if job["id"] == running.id
    ]
    assert job["name"] == "orchard.tasks.hold"
    assert job["args"] == ["apples", 9400]
    assert {"kwargs", "hostname", "time_start", "delivery_info", "worker_pid"} <= job.keys()


def test_inspect_shows_what_is_scheduled(tasks, app, name):
    result = tasks.pour.apply_async((1, 1), countdown=600)
    (job,) = [
        job
        for job in app.control.inspect(timeout=WAIT).scheduled()[name]
        if job["request"]["id"] == result.id
    ]
    assert job["eta"]
    assert job["priority"] == 0
    result.revoke()


def test_inspect_shows_what_is_known_and_done(tasks, app, name):
    inspect = app.control.inspect([name], timeout=WAIT)
    assert "orchard.tasks.pour" in inspect.registered()[name]
    assert inspect.stats()[name]["pid"]
    assert inspect.reserved()[name] == []
    assert inspect.ping() == {name: {"ok": "pong"}}


def test_inspect_takes_a_name_as_well(app, name):
    assert app.control.inspect(name, timeout=WAIT).ping() == {name: {"ok": "pong"}}


def test_a_job_is_asked_for_by_its_id(app, name, running):
    state, job = app.control.inspect(timeout=WAIT).query_task(running.id)[name][running.id]
    assert (state, job["id"]) == ("active", running.id)


def test_what_is_revoked_while_it_runs_is_shown(app, name, running, until):
    running.revoke()
    until(lambda: running.id in app.control.inspect(timeout=WAIT).revoked()[name])


def test_nobody_answers_where_nobody_is(app, worker):
    assert app.control.inspect(["nobody@nowhere"], timeout=0.3).ping() is None


def test_ping_asks_all_or_some(app, name):
    assert {name: {"ok": "pong"}} in app.control.ping(timeout=WAIT)
    assert app.control.ping([name], timeout=WAIT) == [{name: {"ok": "pong"}}]


def test_inspect_at_the_shell(pgq, name, running):
    assert running.id in json.dumps(json.loads(pgq("inspect", "active", "--json", *PATIENT).out))
    assert pgq("inspect", "ping", "-d", name, *PATIENT).code == 0
    assert pgq("inspect", "ping", "-d", "nobody@nowhere", "-t", "0.3").code == 69


# ── the pool, and the end ────────────────────────────────────────────────────────────────────────


def test_a_pool_grows_and_shrinks(tasks, app, another, lock, until):
    worker = another("pool", "-c", "1")
    held = lock(9403)
    both = [tasks.hold.apply_async((n, held.key), queue="pool") for n in range(2)]
    until(lambda: any(each.state == "STARTED" for each in both))
    app.control.pool_grow(1, reply=True, destination=[worker.name])
    until(lambda: all(each.state == "STARTED" for each in both))
    app.control.pool_shrink(1, reply=True, destination=[worker.name])
    held.free()
    assert [each.get(timeout=WAIT) for each in both] == [0, 1]


@pytest.mark.parametrize("way", ["broadcast", "shutdown", "shell"])
def test_a_worker_is_shut_down_from_afar(app, another, pgq, way):
    worker = another(f"gone-{way}")
    if way == "broadcast":
        app.control.broadcast("shutdown", destination=[worker.name])
    elif way == "shutdown":
        app.control.shutdown(destination=[worker.name])
    else:
        assert pgq("control", "shutdown", "-d", worker.name, "--yes", *PATIENT).code == 0
    assert worker.ended() == 0


def test_a_command_without_a_reply_returns_at_once(app, name):
    command = {"task_name": "orchard.tasks.slow", "rate_limit": "200/m"}
    assert app.control.broadcast("rate_limit", arguments=command) is None
    said = app.control.broadcast("rate_limit", command, reply=True)
    assert {name: {"ok": "new rate limit set successfully"}} in said


def test_purge_takes_everything_that_waits(tasks, app):
    result = tasks.pour.apply_async((1, 1), countdown=600)
    assert app.control.purge() >= 1
    assert result.state == "REVOKED"
