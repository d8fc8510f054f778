"""P4: a worker's row carries its lease; past it, its jobs run elsewhere and it is told so."""

from __future__ import annotations

from datetime import timedelta

from pgqueue import operations


def lost(jobs):
    return [(job.id, job.worker_id) for job in jobs.run(operations.lost())]


def beat(jobs, worker, lease=30.0, stats="{}", active="[]"):
    return bool(jobs.run(operations.heartbeat(worker, lease, stats, active)))


def test_a_registered_worker_is_seen_with_what_it_said(jobs, clock):
    worker = jobs.register("w1", queues=["a", "b"], tasks=["x", "y"], lease=30)
    (row,) = jobs.run(operations.workers())
    assert (row.id, row.name, row.queues, row.tasks) == (worker, "w1", ["a", "b"], ["x", "y"])
    assert (row.hostname, row.pid, row.version) == ("host", 1, "0")
    assert (row.processes, row.concurrency) == (1, 8)
    assert (row.started_at, row.heartbeat_at) == (clock.now(), clock.now())
    assert (row.alive, row.silent_for, row.stats, row.active) == (True, 0.0, {}, [])


def test_worker_ids_are_never_used_again(jobs):
    first = jobs.register()
    jobs.connection.execute("delete from pgqueue.workers")
    assert jobs.register() > first


def test_a_heartbeat_renews_the_lease_and_tells_the_news(jobs, clock):
    worker = jobs.register(lease=30)
    clock.advance(20)
    assert beat(jobs, worker, 30, '{"done": 3}', '[{"id": "x"}]') is True
    clock.advance(29)
    (row,) = jobs.run(operations.workers())
    assert (row.alive, row.silent_for) == (True, 29.0)
    assert (row.stats, row.active) == ({"done": 3}, [{"id": "x"}])
    clock.advance(1)
    assert [row.alive for row in jobs.run(operations.workers())] == [False]


def test_a_late_heartbeat_renews_the_lease_as_long_as_nobody_noticed(jobs, clock):
    worker = jobs.register(lease=30)
    job = jobs.running(worker)
    clock.advance(300)
    assert beat(jobs, worker) is True
    assert lost(jobs) == []
    assert jobs.finish(job) == {job.id}


def test_a_stopped_worker_is_told_to_register_anew(jobs):
    worker = jobs.register()
    jobs.run(operations.stop(worker))
    assert beat(jobs, worker) is False
    assert beat(jobs, worker + 1) is False
    assert jobs.run(operations.workers()) == []


def test_stopping_notes_the_first_time_and_clears_what_ran(jobs, clock):
    worker = jobs.register()
    beat(jobs, worker, active='[{"id": "x"}]')
    at = clock.now()
    jobs.run(operations.stop(worker))
    clock.advance(5)
    jobs.run(operations.stop(worker))
    assert jobs.value("select stopped_at from pgqueue.workers") == at
    assert jobs.value("select active from pgqueue.workers") == []


def test_a_worker_is_lost_when_its_lease_is_over_and_no_sooner(jobs, clock):
    worker = jobs.register("dead", lease=30)
    first, second = jobs.running(worker), jobs.running(worker)
    clock.advance(30)
    assert lost(jobs) == []
    clock.advance(0.001)
    found = jobs.run(operations.lost())
    assert [(job.id, job.claim, job.worker_id, job.worker_name) for job in found] == [
        (job.id, 1, worker, "dead") for job in sorted([first, second])
    ]
    assert jobs.run(operations.workers()) == []
    assert jobs.value("select stopped_at from pgqueue.workers") == clock.now()
    assert beat(jobs, worker) is False


def charged(jobs):
    """Rescue what dead workers ran; return the jobs that are charged, in the order of their ids."""
    found = jobs.run(operations.lost())
    jobs.run(operations.crash(found, "lost", 3))
    charged = [job.id for job in found if job.charged]
    assert {job.id for job in found if jobs.get(job.id).crashes} == {*charged}
    assert {(jobs.state(job.id), jobs.get(job.id).attempt) for job in found} <= {("queued", 0)}
    assert {jobs.get(job.id).failures for job in found if not job.charged} <= {0}
    return sorted(charged)


def test_of_a_lost_worker_no_more_jobs_are_charged_than_it_had_slots_the_first_that_it_claimed(
    jobs, clock
):
    worker = jobs.register(lease=30, concurrency=2)
    later = [jobs.add(priority=1), jobs.add(priority=3)]
    first, *_ = jobs.claim_ids(worker, limit=1)
    clock.advance(1)
    jobs.claim(worker)
    clock.advance(31)
    assert first == later[1]
    assert charged(jobs) == sorted(later)


def test_of_one_claim_those_are_charged_that_are_begun_first(jobs, clock):
    worker = jobs.register(lease=30, concurrency=2)
    ids = [jobs.add(priority=priority) for priority in (0, 9, 5, 7)]
    assert len(jobs.claim(worker)) == 4
    clock.advance(31)
    assert charged(jobs) == sorted([ids[1], ids[3]])


def test_those_that_ran_at_its_last_heartbeat_are_charged_first(jobs, clock):
    worker = jobs.register(lease=30, concurrency=2)
    ids = [jobs.running(worker).id for _ in range(4)]
    assert beat(jobs, worker, active=f'[{{"id": "{ids[3]}", "task": "add"}}]')
    clock.advance(31)
    assert charged(jobs) == sorted([ids[0], ids[3]])


def test_each_lost_worker_has_its_own_slots(jobs, clock):
    ids = []
    for _ in range(2):
        worker = jobs.register(lease=30, concurrency=1)
        ids.append([jobs.running(worker).id for _ in range(2)])
    clock.advance(31)
    assert charged(jobs) == sorted(of_one[0] for of_one in ids)


def test_nobody_is_charged_with_the_end_of_a_worker_that_was_to_stop(jobs, clock):
    worker = jobs.register(lease=30)
    jobs.running(worker)
    assert beat(jobs, worker, stats='{"stopping": true}')
    clock.advance(31)
    assert charged(jobs) == []


def test_only_running_jobs_of_dead_workers_are_lost(jobs, clock, worker):
    dead = jobs.register("dead", lease=30)
    mine, finished, released = (jobs.running(dead) for _ in range(3))
    jobs.finish(finished)
    jobs.release(released)
    alive = jobs.running(worker, queue="q")
    clock.advance(31)
    assert lost(jobs) == [(mine.id, dead)]
    assert jobs.state(alive.id) == "running"


def test_however_long_a_job_runs_it_is_not_lost_while_its_worker_lives(jobs, clock):
    worker = jobs.register(lease=30)
    jobs.running(worker)
    for _ in range(100):
        clock.advance(29)
        assert beat(jobs, worker)
        assert lost(jobs) == []


def test_a_worker_is_declared_lost_once(jobs, clock):
    worker = jobs.register(lease=30)
    jobs.running(worker)
    clock.advance(31)
    assert len(lost(jobs)) == 1
    assert lost(jobs) == []


def test_a_worker_that_ran_nothing_is_declared_stopped_too(jobs, clock):
    jobs.register(lease=30)
    clock.advance(31)
    assert lost(jobs) == []
    assert jobs.run(operations.workers()) == []


def test_jobs_that_a_worker_does_not_know_are_released_uncharged(jobs, clock, worker):
    known, unknown = jobs.running(worker), jobs.running(worker)
    others = jobs.running(jobs.register("second"), queue="q")
    before = jobs.get(unknown.id)
    clock.advance(5)
    assert jobs.run(operations.reconcile(worker, [(known.id, known.claim)])) == {unknown.id}
    after = jobs.get(unknown.id)
    assert (after.state, after.attempt, after.run_at) == ("queued", 0, before.run_at)
    assert {jobs.state(job.id) for job in (known, others)} == {"running"}
    assert jobs.run(operations.reconcile(worker, [])) == {known.id}


def test_a_job_that_was_claimed_anew_is_not_known_by_its_earlier_claim(jobs, worker):
    first = jobs.running(worker)
    jobs.release(first)
    assert jobs.claim_ids(worker) == [first.id]
    assert jobs.run(operations.reconcile(worker, [(first.id, first.claim)])) == {first.id}


def test_a_zombie_is_refused_after_the_rescue_and_after_the_next_claim(jobs, clock, worker):
    zombie = jobs.register("zombie", lease=30)
    job = jobs.running(zombie)
    clock.advance(31)
    found = jobs.run(operations.lost())
    assert jobs.run(operations.crash(found, "lost", 3)) == {job.id: "queued"}
    assert jobs.finish(job, result="1") == jobs.retry(job) == jobs.release(job) == set()
    (again,) = jobs.claim(worker)
    assert jobs.finish(job, result="1") == jobs.retry(job) == jobs.release(job) == set()
    assert jobs.run(operations.reconcile(zombie, [])) == set()
    assert jobs.finish(again, result="2") == {job.id}
    assert jobs.get(job.id).result == "2"


def test_stopped_workers_are_forgotten_when_no_job_of_theirs_is_kept(jobs, clock):
    jobs.run(operations.stop(jobs.register("gone")))
    alive = jobs.register("alive", lease=1e9)
    jobs.connection.execute(
        "update pgqueue.retention set keep = '3 days' where state = 'failed';"
        "update pgqueue.retention set keep = '1 hour' where state <> 'failed'"
    )
    clock.advance(days=3)
    assert jobs.run(operations.prune_workers()) == 0
    clock.advance(1)
    assert jobs.run(operations.prune_workers()) == 1
    assert [row.id for row in jobs.run(operations.workers())] == [alive]


def test_tasks_that_no_live_worker_can_claim_are_shown(jobs, clock):
    jobs.register(queues=["a"], tasks=["known"], lease=1e9)
    jobs.register(queues=["b"], tasks=["dying"], lease=30)
    jobs.run(operations.stop(jobs.register(queues=["c"], tasks=["stopped"])))
    at = clock.now()
    jobs.add("known", queue="a")
    jobs.add("dying", queue="b")
    jobs.add("known", queue="c")
    jobs.add("stopped", queue="c")
    clock.advance(5)
    jobs.add("known", queue="c", countdown=3600)
    assert jobs.run(operations.unclaimable()) == [("c", "known", 2, at), ("c", "stopped", 1, at)]
    assert len(jobs.run(operations.unclaimable(1))) == 1
    clock.advance(26)
    assert ("b", "dying", 1, at) in jobs.run(operations.unclaimable())


def test_the_lease_counts_from_the_heartbeat(jobs, clock):
    worker = jobs.register(lease=30)
    clock.advance(10)
    beat(jobs, worker, lease=7.5)
    expires = jobs.value("select expires_at from pgqueue.workers")
    assert expires == clock.now() + timedelta(seconds=7.5)
