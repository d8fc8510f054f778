"""A canvas: who waits is released by the last end that it waits for, and nobody waits in vain."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from pgqueue import operations
from pgqueue.identifiers import uuid7
from pgqueue.rows import Edge, NewJob, Released
from pgqueue.worker.duties import MAX_CRASHES
from support.canvases import Canvas, edges

WAITS = "waiting"


@pytest.fixture
def end(jobs, worker):
    """Claims what is due, and ends the job of this name in some way."""
    held = {}

    def end(canvas, name, state="succeeded", **outcome):
        held.update({job.id: job for job in jobs.claim(worker)})
        assert jobs.finish(held[canvas[name]], state=state, **outcome) == {canvas[name]}

    return end


def states(jobs, canvas, *names):
    return [jobs.state(canvas[name]) for name in names]


def args(jobs, canvas, name):
    return json.loads(jobs.get(canvas[name]).args)


# ── how it is enqueued ──


def test_jobs_with_parents_wait_and_the_others_are_due(jobs, worker):
    canvas = Canvas().chain("a", "b").call("a", "c").send(jobs)
    assert states(jobs, canvas, "a", "b", "c") == ["queued", WAITS, WAITS]
    assert jobs.claim_ids(worker) == [canvas["a"]]
    columns = "select open_parents, linked, run_at = 'infinity' from pgqueue.jobs where id = %s"
    rows = [jobs.connection.execute(columns, [canvas[n]]).fetchone() for n in ("a", "b")]
    assert rows == [(None, True, False), (1, None, True)]


def test_parents_and_roots_are_kept_all_the_way(jobs, worker):
    root, parent = uuid7(), uuid7()
    job = jobs.running(worker, parent_id=parent, root_id=root)
    assert (job.parent_id, job.root_id, job.linked) == (str(parent), str(root), None)
    jobs.finish(job)
    assert (jobs.get(job.id).parent_id, jobs.get(job.id).root_id) == (str(parent), str(root))
    jobs.run(operations.requeue([job.id]))
    assert jobs.get(job.id).parent_id == str(parent)


@pytest.mark.parametrize("end", ["cancel", "crash"])
def test_they_are_kept_by_other_ends_too(jobs, worker, end):
    root = uuid7()
    job = jobs.running(worker, root_id=root)
    if end == "cancel":
        jobs.release(job)
        jobs.run(operations.cancel([job.id]))
    else:
        jobs.crash(job, max_crashes=1)
    assert (jobs.get(job.id).finished_at, jobs.get(job.id).root_id) != (None, None)


def test_what_is_sent_again_changes_nothing(jobs, worker):
    canvas = Canvas().chain("a", "b").error("a", "oops")
    query = operations.enqueue_canvas(canvas.jobs(), canvas.edges)
    assert jobs.run(query) == {"default"}
    before = edges(jobs)
    assert jobs.run(query.again()) == set()
    assert edges(jobs) == before
    jobs.finish(*jobs.claim(worker))
    assert jobs.run(query.again()) == set()
    assert edges(jobs) == []
    assert states(jobs, canvas, "a", "b") == ["succeeded", "queued"]


def test_a_batch_of_ten_thousand_is_one_statement(jobs):
    members = [uuid7() for _ in range(10_000)]
    assert jobs.run(
        operations.enqueue_canvas([NewJob(i, "add", "[]", "{}") for i in members], [])
    ) == {"default"}
    assert jobs.value("select count(*) from pgqueue.jobs_live") == len(members)


# ── what is passed on ──


@pytest.mark.parametrize(
    ("place", "expected"), [(None, [7]), (-1, [{"x": None}, 7]), (0, [[{"x": None}], 7])]
)
def test_a_result_goes_where_its_edge_says(jobs, end, place, expected):
    canvas = Canvas().job("b", [7]).call("a", "b", place).send(jobs)
    end(canvas, "a", result='{"x": null}')
    assert jobs.state(canvas["b"]) == "queued"
    assert args(jobs, canvas, "b") == expected
    assert edges(jobs) == []


def test_no_result_is_a_null(jobs, end):
    canvas = Canvas().call("a", "b", -1).chord(["c", "d"], "e").send(jobs)
    for name in "acd":
        end(canvas, name)
    assert (args(jobs, canvas, "b"), args(jobs, canvas, "e")) == ([None], [[None, None]])


def test_results_of_a_header_are_in_its_order_not_in_that_of_their_ends(jobs, end):
    header = [f"h{n}" for n in range(12)]
    canvas = Canvas().chord(header, "body").send(jobs)
    for number in sorted(range(12), key=lambda n: n * 5 % 12):
        assert jobs.state(canvas["body"]) == WAITS
        end(canvas, f"h{number}", result=str(number))
    assert args(jobs, canvas, "body") == [list(range(12))]


def test_results_outlive_the_rows_of_those_that_had_them(jobs, end):
    canvas = Canvas().chord(["a", "b"], "body").send(jobs)
    end(canvas, "a", result='"kept"')
    assert jobs.run(operations.forget(canvas["a"]))
    end(canvas, "b", result="2")
    assert args(jobs, canvas, "body") == [["kept", 2]]


def test_what_waits_and_what_does_not_may_meet(jobs, end):
    canvas = Canvas().call("a", "c", None).call("b", "c", 0).send(jobs)
    end(canvas, "b", result="1")
    assert jobs.state(canvas["c"]) == WAITS
    end(canvas, "a", result="2")
    assert args(jobs, canvas, "c") == [[1]]


# ── when it runs ──


def test_a_countdown_begins_with_the_release(jobs, clock, end):
    canvas = Canvas().job("b", countdown=60.0).call("a", "b").send(jobs)
    clock.advance(1000)
    end(canvas, "a")
    assert jobs.get(canvas["b"]).run_at == clock.now() + timedelta(seconds=60)


def test_an_eta_stays_what_it_is(jobs, clock, end):
    eta = clock.now() + timedelta(seconds=500)
    canvas = Canvas().job("b", eta=eta).job("c", eta=eta).call("a", "b").chain("a2", "c").send(jobs)
    end(canvas, "a")
    assert jobs.get(canvas["b"]).run_at == eta
    clock.advance(1000)
    end(canvas, "a2")
    assert jobs.get(canvas["c"]).run_at == clock.now()


def test_seconds_until_it_expires_are_counted_from_the_release(jobs, clock, end):
    expires = clock.now() + timedelta(days=1)
    canvas = Canvas().job("b", expires_in=60.0).job("c", expires=expires).call("a", "b")
    canvas.call("a", "c").send(jobs)
    clock.advance(1000)
    end(canvas, "a")
    assert jobs.get(canvas["b"]).expires_at == clock.now() + timedelta(seconds=60)
    assert jobs.get(canvas["c"]).expires_at == expires


def test_headers_of_ones_own_stay(jobs, end):
    headers = '{"mine": 1, "pgqueue": {"group": "g"}}'
    canvas = Canvas().job("b", countdown=1.0, headers=headers).call("a", "b").send(jobs)
    found = json.loads(jobs.get(canvas["b"]).headers)
    assert found == {"mine": 1, "pgqueue": {"group": "g", "after": {"countdown": 1}}}


def test_a_release_wakes_the_sleepers_of_its_queue(jobs, connect, end):
    listener = connect()
    listener.execute('listen "pgqueue.jobs"')
    canvas = Canvas().job("b", queue="mail").call("a", "b").send(jobs)
    listener.execute("select pg_advisory_lock_shared(pgqueue.gate('mail'))")
    end(canvas, "a")
    assert [n.channel for n in listener.notifies(timeout=5, stop_after=1)] == ["pgqueue.jobs"]


# ── what fails ──


def test_a_chain_ends_with_the_error_of_the_job_that_failed_however_far_down(jobs, end):
    canvas = Canvas().chain("a", "b", "c", "d").send(jobs)
    end(canvas, "a", "failed", error="ValueError: no")
    rows = [jobs.get(canvas[name]) for name in "abcd"]
    assert {(row.state, row.error) for row in rows} == {("failed", "ValueError: no")}
    assert [row.attempt for row in rows] == [1, 0, 0, 0]
    assert edges(jobs) == []


def test_a_chord_says_which_dependency_failed(jobs, end):
    canvas = Canvas().chord(["a", "b"], "body").chain("body", "after").send(jobs)
    end(canvas, "b", "failed", error="ValueError: no")
    said = f"ChordError: Dependency {canvas['b']} raised ValueError: no"
    assert [jobs.get(canvas[n]).error for n in ("body", "after")] == [said, said]
    end(canvas, "a", result="1")
    assert edges(jobs) == []


def test_a_child_of_several_whose_results_it_does_not_get_is_told_too(jobs, end):
    canvas = Canvas().call("a", "c").call("b", "c").send(jobs)
    end(canvas, "a", "failed", error="E: no")
    assert jobs.get(canvas["c"]).error == f"ChordError: Dependency {canvas['a']} raised E: no"


def test_who_waits_for_a_cancelled_job_is_cancelled(jobs, end):
    canvas = Canvas().chain("a", "b", "c").chord(["d", "e"], "f").send(jobs)
    jobs.run(operations.cancel([canvas["a"], canvas["d"]]))
    rows = [jobs.get(canvas[name]) for name in "abcf"]
    assert [row.state for row in rows] == ["cancelled"] * 4
    assert rows[2].error == "cancelled"
    assert rows[3].error == f"Dependency {canvas['d']}: cancelled"
    end(canvas, "e")
    assert edges(jobs) == []


def test_what_expired_is_told_so(jobs, end):
    canvas = Canvas().chain("a", "b").send(jobs)
    end(canvas, "a", "cancelled", error="expired")
    assert (jobs.get(canvas["b"]).state, jobs.get(canvas["b"]).error) == ("cancelled", "expired")


def test_cancelling_who_waits_leaves_those_before_it_alone(jobs, end):
    canvas = Canvas().chain("a", "b", "c").send(jobs)
    assert jobs.run(operations.cancel([canvas["b"]])) == {canvas["b"]: "cancelled"}
    assert states(jobs, canvas, "a", "b", "c") == ["queued", "cancelled", "cancelled"]
    assert edges(jobs) == []
    end(canvas, "a")


def test_all_of_a_canvas_cancelled_at_once(jobs):
    canvas = Canvas().chord(["a", "b"], "c").chain("c", "d").error("c", "oops").send(jobs)
    ids = [canvas[name] for name in "dcba"]
    assert jobs.run(operations.cancel(ids)) == dict.fromkeys(ids, "cancelled")
    assert edges(jobs) == []
    assert jobs.get(canvas["oops"]) is None


def test_a_purge_ends_who_waits_in_other_queues(jobs):
    canvas = Canvas().job("b", queue="other").chain("a", "b").send(jobs)
    assert jobs.run(operations.purge("default", 10)) == 1
    assert states(jobs, canvas, "a", "b") == ["cancelled", "cancelled"]


def test_the_last_crash_is_a_failure_that_is_followed(jobs, worker):
    canvas = Canvas().chain("a", "b").error("a", "oops").send(jobs)
    for crash in range(1, MAX_CRASHES + 1):
        assert jobs.state(canvas["b"]) == WAITS
        (job,) = jobs.claim(worker)
        crashed = operations.crash([Released(job.id, job.claim)], "WorkerLost: killed", MAX_CRASHES)
        assert jobs.run(crashed) == {job.id: "failed" if crash == MAX_CRASHES else "queued"}
    assert jobs.get(canvas["b"]).error == "WorkerLost: killed"
    assert jobs.state(canvas["oops"]) == "queued"


def test_a_cancellation_that_was_asked_for_is_followed(jobs, worker):
    canvas = Canvas().chain("a", "b").send(jobs)
    (job,) = jobs.claim(worker)
    jobs.run(operations.cancel([job.id]))
    assert jobs.state(canvas["b"]) == WAITS
    jobs.retry(job)
    assert jobs.run(operations.cancel_requested([job.id])) == {job.id}
    assert jobs.state(canvas["b"]) == "cancelled"


def test_a_retry_releases_nobody(jobs, worker):
    canvas = Canvas().chain("a", "b").send(jobs)
    for give_back in (jobs.retry, jobs.release, jobs.crash, jobs.suspect):
        (job,) = jobs.claim(worker)
        give_back(job)
        assert jobs.state(canvas["b"]) == WAITS
    assert len(edges(jobs)) == 1


def test_what_the_fence_refuses_releases_nobody(jobs, worker):
    canvas = Canvas().chain("a", "b").send(jobs)
    (job,) = jobs.claim(worker)
    assert jobs.finish(job._replace(claim=2)) == set()
    assert jobs.finish(job._replace(claim=0), state="failed", error="late") == set()
    assert (jobs.state(canvas["b"]), len(edges(jobs))) == (WAITS, 1)


def test_who_never_ran_is_not_run_again(jobs, end):
    canvas = Canvas().chain("a", "b", "c").send(jobs)
    end(canvas, "a")
    end(canvas, "b", "failed", error="E: no")
    ids = [canvas[name] for name in "bc"]
    assert jobs.run(operations.requeue(ids)) == {canvas["b"]}


# ── errbacks ──


def test_an_errback_gets_what_failed_before_its_own_arguments(jobs, end, worker):
    canvas = Canvas().job("a", [1], headers='{"h": 1}', root_id=uuid7())
    canvas.error("a", "oops", args=[7], kwargs={"k": 1}, queue="mail", priority=3, max_retries=4)
    end(canvas.send(jobs), "a", "failed", error="ValueError: no", traceback="line 1")
    (job,) = jobs.claim(worker, queues=["mail"])
    assert (job.id, job.task, job.priority, job.max_attempts) == (canvas["oops"], "add", 3, 5)
    failed, own = json.loads(job.args)
    root = jobs.get(canvas["a"]).root_id
    assert own == 7
    assert failed == {
        "id": canvas["a"], "task": "add", "args": [1], "kwargs": {}, "retries": 0,
        "error": "ValueError: no", "traceback": "line 1", "parent_id": None, "root_id": root,
    }  # fmt: skip
    assert (json.loads(job.kwargs), json.loads(job.headers)) == (
        {"k": 1},
        {"pgqueue": {"errback": True}},
    )
    assert (job.parent_id, job.root_id) == (canvas["a"], root)


def test_an_immutable_errback_gets_its_own_arguments_alone(jobs, end):
    canvas = Canvas().error("a", "oops", args=[7], immutable=True, countdown=5).send(jobs)
    end(canvas, "a", "failed", error="E: no")
    row = jobs.get(canvas["oops"])
    assert (row.args, row.headers, row.state) == ("[7]", None, "queued")
    assert row.run_at - row.created_at == timedelta(seconds=5)


@pytest.mark.parametrize("state", ["succeeded", "cancelled"])
def test_there_is_none_without_a_failure(jobs, end, state):
    canvas = Canvas().error("a", "oops").send(jobs)
    end(canvas, "a", state)
    assert (jobs.get(canvas["oops"]), edges(jobs)) == (None, [])


def test_one_for_a_whole_chain_runs_once_and_names_the_job_that_failed(jobs, end, worker):
    canvas = Canvas().chain("a", "b", "c")
    for name in "abc":
        canvas.error(name, "oops")
    end(canvas.send(jobs), "a")
    end(canvas, "b", "failed", error="E: no")
    ours = [job for job in jobs.claim(worker) if job.id == canvas["oops"]]
    assert [json.loads(job.args)[0]["id"] for job in ours] == [canvas["b"]]
    jobs.finish(*ours)
    assert edges(jobs) == []


@pytest.mark.parametrize("ended", [False, True])
def test_one_for_a_whole_group_runs_once_for_all_failures(jobs, end, worker, ended):
    canvas = Canvas().error("a", "oops").error("b", "oops").send(jobs)
    end(canvas, "a", "failed", error="E: 1")
    if ended:
        jobs.finish(*jobs.claim(worker))
    else:
        end(canvas, "b", "failed", error="E: 2")
    assert jobs.value("select count(*) from pgqueue.jobs where id = %s", canvas["oops"]) == 1


def test_the_errback_of_a_body_runs_when_its_header_fails(jobs, end):
    canvas = Canvas().chord(["a", "b"], "body").error("body", "oops").send(jobs)
    end(canvas, "a", "failed", error="E: no")
    failed = json.loads(jobs.get(canvas["oops"]).args)[0]
    assert (failed["id"], failed["retries"]) == (canvas["body"], 0)
    assert failed["error"] == f"ChordError: Dependency {canvas['a']} raised E: no"


# ── what becomes of what ──


def test_a_replaced_job_becomes_what_replaced_it(jobs, worker, end):
    canvas = Canvas().chain("a", "b").send(jobs)
    (a,) = jobs.claim(worker)
    other = Canvas()
    other.ids["a"] = canvas.ids["a"]
    with jobs.transaction():
        assert jobs.run(operations.replace(a.id, a.claim, 1))
        job = NewJob(other.id("new"), "add", "[]", "{}", linked=True)
        edge = Edge(other.id("new"), canvas.id("a"), "become", -1)
        jobs.run(operations.enqueue_canvas([job], [edge]))
    assert jobs.state(a.id) == WAITS
    assert jobs.finish(a, result="0") == set()  # it is not the worker's any more
    end(other, "new", result='"in its place"')
    row = jobs.get(a.id)
    assert (row.state, row.result, row.attempt) == ("succeeded", '"in its place"', 1)
    assert args(jobs, canvas, "b") == ["in its place"]
    assert edges(jobs) == []


@pytest.mark.parametrize(
    ("state", "error"), [("failed", "ValueError: no"), ("cancelled", "expired")]
)
def test_a_replaced_job_ends_as_what_replaced_it_does(jobs, worker, state, error):
    canvas = Canvas().chain("a", "b").send(jobs)
    (a,) = jobs.claim(worker)
    new = uuid7()
    jobs.run(operations.replace(a.id, a.claim, 1))
    jobs.run(
        operations.enqueue_canvas(
            [NewJob(new, "add", "[]", "{}", linked=True)], [Edge(new, canvas.id("a"), "become", -1)]
        )
    )
    jobs.finish(*jobs.claim(worker), state=state, error=error)
    rows = [jobs.get(canvas[name]) for name in "ab"]
    assert {(row.state, row.error) for row in rows} == {(state, error)}


@pytest.mark.parametrize("stale", [-1, 1])
def test_a_replacement_is_fenced(jobs, worker, stale):
    job = jobs.running(worker)
    assert jobs.run(operations.replace(job.id, job.claim + stale, 1)) is False
    jobs.finish(job)
    assert jobs.run(operations.replace(job.id, job.claim, 1)) is False


def test_a_join_stands_between_groups(jobs, end):
    canvas = Canvas().job("join", task="pgqueue.join")
    for place, name in enumerate("ab"):
        canvas.become(name, "join", place)
    for name in "cd":
        canvas.call("join", name, -1)
    canvas.send(jobs)
    end(canvas, "b", result="2")
    end(canvas, "a", result="1")
    assert states(jobs, canvas, "join", "c", "d") == ["succeeded", "queued", "queued"]
    assert jobs.get(canvas["join"]).result == "[1, 2]"
    assert [args(jobs, canvas, name) for name in "cd"] == [[[1, 2]], [[1, 2]]]


def test_becoming_goes_on_however_far(jobs, end):
    canvas = Canvas().become("a", "b").become("b", "c", 0).become("c", "d").chain("d", "e")
    end(canvas.send(jobs), "a", result="5")
    assert states(jobs, canvas, *"abcde") == ["succeeded"] * 4 + ["queued"]
    assert [jobs.get(canvas[name]).result for name in "bcd"] == ["5", "[5]", "[5]"]
    assert args(jobs, canvas, "e") == [[5]]


def test_becoming_nothing_is_no_result(jobs, end):
    canvas = Canvas().become("a", "b").become("c", "d", None).send(jobs)
    end(canvas, "a")
    end(canvas, "c", result="1")
    assert [jobs.get(canvas[name]).result for name in "bd"] == [None, None]


# ── following again, and late ──


def test_following_again_changes_nothing(jobs, end, worker):
    canvas = Canvas().chord(["a", "b"], "c").error("a", "oops").error("b", "oops").send(jobs)
    end(canvas, "a", result="1")
    ids = [canvas[name] for name in "abc"]
    assert jobs.run(operations.follow(ids)) == 0  # "b" runs, "c" waits
    assert (jobs.state(canvas["c"]), len(edges(jobs))) == (WAITS, 3)
    end(canvas, "b", "failed", error="E: no")
    before = [jobs.get(id_) for id_ in ids]
    assert jobs.run(operations.follow([*ids, uuid7()])) == 0
    assert [jobs.get(id_) for id_ in ids] == before


def unfollowed(jobs, end, canvas, *names):
    """End jobs as a release does that knows of no edges."""
    jobs.connection.execute("update pgqueue.jobs_live set linked = null")
    for name in names:
        end(canvas, name, result="1")


def test_what_an_older_release_has_ended_is_found_and_followed(jobs, end):
    canvas = Canvas().chord(["a", "b"], "c").chain("d", "e").error("d", "oops").send(jobs)
    unfollowed(jobs, end, canvas, "a", "b")
    assert jobs.state(canvas["c"]) == WAITS
    nowhere = canvas.id("a").__class__(int=0)
    found = jobs.run(operations.unfollowed(nowhere, nowhere, 100))
    assert (set(found.ended), found.edges) == ({canvas["a"], canvas["b"]}, 4)
    assert jobs.run(operations.follow(found.ended)) == 1
    assert (args(jobs, canvas, "c"), jobs.state(canvas["e"])) == ([[1, 1]], WAITS)
    again = jobs.run(operations.unfollowed(nowhere, nowhere, 100))
    assert (again.ended, again.edges) == ([], 2)


def test_all_edges_are_seen_slice_by_slice(jobs, end):
    canvas = Canvas()
    for n in range(7):
        canvas.call(f"a{n}", f"b{n}").call(f"a{n}", f"c{n}")
    unfollowed(jobs, end, canvas.send(jobs), *(f"a{n}" for n in range(7)))
    place, seen, slices = (canvas.id("a0").__class__(int=0),) * 2, set(), 0
    while True:
        found = jobs.run(operations.unfollowed(*place, 3))
        seen.update(found.ended)
        slices += 1
        if found.edges < 3:
            break
        place = (found.parent_id, found.child_id)
    assert (seen, slices) == ({canvas[f"a{n}"] for n in range(7)}, 5)


def test_a_job_that_is_gone_without_a_trace_has_failed(jobs, end):
    canvas = Canvas().chain("a", "b").error("b", "oops").send(jobs)
    jobs.connection.execute("delete from pgqueue.jobs_live where id = %s", [canvas["a"]])
    assert jobs.run(operations.follow([canvas["a"]])) == 2
    assert jobs.get(canvas["b"]).error == f"LookupError: job {canvas['a']} is gone without a trace"
    assert jobs.state(canvas["oops"]) == "queued"


def test_edges_to_a_job_that_is_gone_go(jobs, end):
    canvas = Canvas().chord(["a", "b"], "c").send(jobs)
    end(canvas, "a")
    jobs.connection.execute("delete from pgqueue.jobs_live where id = %s", [canvas["c"]])
    nowhere = canvas.id("a").__class__(int=0)
    found = jobs.run(operations.unfollowed(nowhere, nowhere, 100))
    assert found.ended == [canvas["a"]]
    jobs.run(operations.follow(found.ended))
    end(canvas, "b")
    assert edges(jobs) == []


def test_a_plain_job_has_nothing_followed(jobs, worker):
    jobs.connection.execute(
        """drop function pgqueue.follow;
           create function pgqueue.follow(ended uuid[], since timestamptz) returns integer
           language plpgsql as $$ begin raise 'followed %', ended; end $$"""
    )
    job = jobs.running(worker)
    assert jobs.finish(job) == {job.id}
    other = jobs.running(worker)
    assert jobs.crash(other, max_crashes=1) == {other.id: "failed"}
    third = jobs.add()
    assert jobs.run(operations.cancel([third])) == {third: "cancelled"}


# ── families and groups ──


def test_children_are_found_by_their_parent_wherever_they_are(jobs, worker):
    head = jobs.running(worker)
    ours = [jobs.add(parent_id=head.id, root_id=head.id) for _ in range(3)]
    grandchild = jobs.add(parent_id=ours[0], root_id=head.id)
    jobs.add()
    jobs.run(operations.cancel(ours[:1]))
    jobs.finish(head)
    assert sorted(row.id for row in jobs.run(operations.children(head.id))) == sorted(ours)
    assert [row.id for row in jobs.run(operations.children(ours[0]))] == [grandchild]
    found = [row.id for row in jobs.run(operations.descendants(head.id))]
    assert sorted(found) == sorted([*ours, grandchild])
    assert jobs.run(operations.forget(head.id))
    assert len(jobs.run(operations.children(head.id))) == 3


def test_a_group_is_restored_in_its_order_until_it_is_forgotten(jobs):
    group, members = uuid7(), [str(uuid7()) for _ in range(5)]
    assert jobs.run(operations.restore_group(group)) == []
    jobs.run(operations.save_group(group, members[::-1]))
    jobs.run(operations.save_group(group, members))
    assert jobs.run(operations.restore_group(group)) == members
    assert jobs.run(operations.forget_group(group)) is True
    assert jobs.run(operations.forget_group(group)) is False


def test_groups_are_forgotten_with_the_last_of_the_history(jobs, clock):
    group = uuid7()
    jobs.run(operations.save_group(group, [uuid7()]))
    clock.advance(days=13)
    assert jobs.run(operations.prune_groups()) == 0
    clock.advance(days=2)
    assert jobs.run(operations.prune_groups()) == 1
