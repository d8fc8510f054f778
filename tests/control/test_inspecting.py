"""What the workers have and do, in Celery's shapes."""

from __future__ import annotations

import signal
import time

import pytest

from pgqueue import operations
from pgqueue.allowance import Allowance
from pgqueue.identifiers import uuid7
from pgqueue.rows import NewJob
from support.workers import is_running


@pytest.fixture
def inspect(control):
    return control.inspect(timeout=20)


QUESTIONS = (
    *("active", "reserved", "scheduled", "registered", "registered_tasks", "active_queues"),
    *("stats", "ping", "report", "conf", "revoked", "query_task"),
)


@pytest.mark.parametrize("question", QUESTIONS)
def test_without_workers_there_is_no_answer(inspect, question):
    assert getattr(inspect, question)() is None


def test_active_has_every_field_of_a_job_that_runs(worker, inspect, send, begun, lock):
    held = lock(1)
    before = time.time()
    job = send("hold", 1, priority=7, kwargs={"what": "it"})
    (pid,) = begun("it")
    (node,) = inspect.active().items()
    assert node[0] == "w1"
    (about,) = node[1]
    assert before - 5 < about.pop("time_start") < time.time() + 5
    assert about == {
        "id": job.id,
        "name": "hold",
        "args": [1],
        "kwargs": {"what": "it"},
        "type": "hold",
        "hostname": "w1",
        "acknowledged": False,
        "delivery_info": {
            "exchange": "", "routing_key": "default", "priority": 7, "redelivered": False,
        },
        "worker_pid": pid,
    }  # fmt: skip
    assert inspect.reserved() == {"w1": []}
    assert inspect.query_task(job.id)["w1"][job.id][0] == "active"
    assert inspect.query_task([job.id, "0198c0de-0000-7000-8000-000000000001"])["w1"].keys() == {
        job.id
    }
    held.free()
    job.get(timeout=10)
    assert inspect.active() == {"w1": []}
    assert inspect.query_task(job.id) == {"w1": {}}
    del worker


def test_a_busy_worker_answers(start_worker, inspect, send, begun):
    start_worker("w1", "--processes", "1", "-c", "1").ready()
    job = send("go_on", "hold the interpreter")
    begun("hold the interpreter")
    assert [each["id"] for each in inspect.active()["w1"]] == [job.id]
    assert inspect.ping() == {"w1": {"ok": "pong"}}


def test_of_a_worker_that_does_not_answer_the_table_tells_what_it_runs(
    worker, control, send, begun, lock
):
    held = lock(1)
    job = send("hold", 1)
    begun("hold")
    worker.signal(signal.SIGSTOP)
    silent = control.inspect(timeout=0.05)
    try:
        (about,) = silent.active()["w1"]
        assert (about["id"], about["worker_pid"]) == (job.id, None)
        assert silent.ping() is None
        assert silent.stats() is None
        assert silent.registered()["w1"]
    finally:
        worker.signal(signal.SIGCONT)
    held.free()
    job.get(timeout=20)


def test_scheduled_lists_each_job_once_under_a_worker_that_can_run_it(jobs, control):
    jobs.register("b", tasks=["add"])
    jobs.register("a", tasks=["other"])
    jobs.register("c", tasks=["add"])
    later = jobs.add(countdown=120, priority=3)
    sooner = jobs.add(countdown=60)
    jobs.add()
    jobs.add("nobodys", countdown=60)
    scheduled = control.inspect().scheduled()
    assert {name: [each["request"]["id"] for each in them] for name, them in scheduled.items()} == {
        "a": [],
        "b": [sooner, later],
        "c": [],
    }
    assert scheduled["b"][1]["priority"] == 3
    assert scheduled["b"][0]["request"]["time_start"] is None
    assert scheduled["b"][0]["eta"] == jobs.get(sooner).run_at.isoformat()
    assert control.inspect(destination="c").scheduled().keys() == {"c"}


def test_scheduled_lists_limited_jobs_too(jobs, control):
    worker = jobs.register("w", tasks=["add"])
    ids = [uuid7() for _ in range(3)]
    for number, seconds in enumerate((120, 60, 0)):
        allowance = Allowance(max_concurrency=1)
        job = NewJob(ids[number], "add", "[]", "{}", countdown=seconds, allowance=allowance)
        jobs.run(operations.enqueue(job))
    between = jobs.add(countdown=90)
    jobs.run(operations.claim_limited(worker, ["default"], ["add"], 0))
    ((found,),) = [control.inspect().scheduled().values()]
    assert [each["request"]["id"] for each in found] == [str(ids[1]), between, str(ids[0])]
    assert found[0]["eta"] == jobs.get(str(ids[1])).run_at.isoformat()


def test_registered_and_queues_are_read_from_the_table(jobs, control):
    jobs.register("w", tasks=["add", "send"], queues=["mail", "slow"])
    jobs.register("gone", lease=-1)
    inspect = control.inspect()
    assert inspect.registered() == inspect.registered_tasks() == {"w": ["add", "send"]}
    assert [queue["name"] for queue in inspect.active_queues()["w"]] == ["mail", "slow"]
    assert inspect.active_queues()["w"][0]["routing_key"] == "mail"


def test_revoked_lists_what_was_cancelled_and_what_will_be(jobs, control):
    worker = jobs.register("w")
    running = jobs.running(worker)
    active = f'[{{"id": "{running.id}"}}]'
    jobs.run(operations.heartbeat(worker, 30, "{}", active))
    cancelled, kept = jobs.add(), jobs.add()
    control.revoke([cancelled, running.id])
    assert set(control.inspect().revoked()["w"]) == {cancelled, running.id}
    assert jobs.state(kept) == "queued"


def test_stats_count_and_measure(worker, inspect, send):
    for _ in range(3):
        assert send("add", 1, 2).get(timeout=10) == 3
    stats = inspect.stats()["w1"]
    assert stats["total"] == {"add": 3}
    assert stats["pid"] == worker.process.pid
    assert stats["pool"]["max-concurrency"] == 4
    assert all(map(is_running, stats["pool"]["processes"]))
    assert stats["pool"]["timeouts"] == [0, 0]
    assert stats["rusage"]["utime"] > 0
    assert stats["outcomes"]["succeeded"] == 3
    assert stats["uptime"] >= 0


def test_reports_and_settings_hide_the_password(start_worker, inspect, database):
    start_worker(environment={"PGQUEUE_DSN": f"{database}&password=secret"}).ready()
    assert "application: support.controlled" in inspect.report()["w1"]["ok"]
    assert "secret" not in str(inspect.report()) + str(inspect.conf()) + str(inspect.stats())
    assert inspect.conf()["w1"]["task_queues"] == ["default"]


def test_a_payload_that_python_cannot_read_is_shown_as_text(jobs, control):
    jobs.register("w")
    jobs.add(countdown=60, args="[1e20000]")
    ((about,),) = control.inspect().scheduled().values()
    assert isinstance(about["request"]["args"], str)


def test_an_id_that_is_none_is_refused(inspect):
    with pytest.raises(ValueError, match="is a UUID"):
        inspect.query_task("five")
