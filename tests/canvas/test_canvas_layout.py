"""What jobs and edges a canvas means: compiled without a database."""

from __future__ import annotations

import json

import pytest

from pgqueue import InvalidCall, InvalidOption, InvalidPayload, chain, chord, group, signature
from pgqueue.canvas.feeds import Context
from pgqueue.canvas.layout import JOIN
from pgqueue.identifiers import uuid7
from support.canvas import add, app, errback, fail, old_errback, say


def laid(canvas, args=(), context=None, **options):
    layout = canvas._layout(args, None, options, context)
    return layout.jobs(), layout.edges, layout


def drawn(canvas, *args, **options):
    """Jobs as (args, how many they wait for), edges as (from, to, kind, place) by place of job."""
    jobs, edges, _ = laid(canvas, args, **options)
    number = {job.id: n for n, job in enumerate(jobs)}
    for edge in edges:  # an errback's job comes later, if at all
        number.setdefault(edge.child_id, f"e{len(number) - len(jobs)}")
    return (
        [(JOIN if job.task == JOIN else job.args, job.open_parents) for job in jobs],
        [(number[e.parent_id], number[e.child_id], e.kind, e.place) for e in edges],
    )


@pytest.mark.parametrize(
    ("canvas", "jobs", "edges"),
    [
        (chain(say.s(0), say.s(1)), [("[0]", None), ("[1]", 1)], [(0, 1, "call", -1)]),
        (chain(say.s(0), say.si(1)), [("[0]", None), ("[1]", 1)], [(0, 1, "call", None)]),
        (
            chain(say.s(0), group(say.s(1), say.si(2))),
            [("[0]", None), ("[1]", 1), ("[2]", 1)],
            [(0, 1, "call", -1), (0, 2, "call", None)],
        ),
        (
            chord([say.s(0), say.s(1)], say.s(2)),
            [("[0]", None), ("[1]", None), ("[2]", 2)],
            [(0, 2, "call", 0), (1, 2, "call", 1)],
        ),
        (
            chord([say.s(0), say.s(1)], say.si(2)),
            [("[0]", None), ("[1]", None), ("[2]", 2)],
            [(0, 2, "call", None), (1, 2, "call", None)],
        ),
        (
            group(say.s(0), say.s(1)) | group(say.s(2), say.s(3)),
            [("[0]", None), ("[1]", None), (JOIN, 2), ("[2]", 1), ("[3]", 1)],
            [(0, 2, "become", 0), (1, 2, "become", 1), (2, 3, "call", -1), (2, 4, "call", -1)],
        ),
        (
            group(say.s(0)) | group(say.s(1), say.s(2)),
            [("[0]", None), ("[1]", 1), ("[2]", 1)],
            [(0, 1, "call", 0), (0, 2, "call", 0)],
        ),
        (
            group(say.s(0), say.s(1)) | group(say.s(2)),
            [("[0]", None), ("[1]", None), ("[2]", 2)],
            [(0, 2, "call", 0), (1, 2, "call", 1)],
        ),
        (
            chain(group(say.s(0), say.s(1)), group(), group(say.s(2), say.s(3))),
            [("[0]", None), ("[1]", None), (JOIN, 2), ("[[],2]", 1), ("[[],3]", 1)],
            [(0, 2, "become", 0), (1, 2, "become", 1), (2, 3, "call", None), (2, 4, "call", None)],
        ),
        (chord([], say.s(1)), [("[[],1]", None)], []),
        (chord([], say.si(1)), [("[1]", None)], []),
        (
            chord([chain(say.s(0), group(say.s(1), say.s(2))), group(say.s(3))], say.s(4)),
            [("[0]", None), ("[1]", 1), ("[2]", 1), ("[3]", None), ("[4]", 3)],
            [
                *((0, 1, "call", -1), (0, 2, "call", -1)),
                *((1, 4, "call", 0), (2, 4, "call", 1), (3, 4, "call", 2)),
            ],
        ),
        (
            say.s(0).set(link=[say.s(1), group(say.s(2), say.s(3))]),
            [("[0]", None), ("[1]", 1), ("[2]", 1), ("[3]", 1)],
            [(0, 1, "call", -1), (0, 2, "call", -1), (0, 3, "call", -1)],
        ),
        (
            group(say.s(0), say.s(1)).set(link=say.s(2)),
            [("[0]", None), ("[1]", None), ("[2]", 2)],
            [(0, 2, "call", 0), (1, 2, "call", 1)],
        ),
        (
            chain(say.s(0), say.s(1)).on_error(errback.s()),
            [("[0]", None), ("[1]", 1)],
            [(0, "e0", "error", None), (0, 1, "call", -1), (1, "e0", "error", None)],
        ),
        (
            group(say.s(0).on_error(errback.s()), say.s(1)).on_error(errback.s()),
            [("[0]", None), ("[1]", None)],
            [(0, "e0", "error", None), (0, "e1", "error", None), (1, "e0", "error", None)],
        ),
    ],
)
def test_shapes(canvas, jobs, edges):
    assert drawn(canvas) == (jobs, edges)
    again = signature(json.loads(json.dumps(canvas)), app=app)
    assert drawn(again) == (jobs, edges)


def test_arguments_of_the_call_go_to_the_first_tasks():
    assert [args for args, _ in drawn(chain(say.s(1), say.s(2)), 0)[0]] == ["[0,1]", "[2]"]
    assert [args for args, _ in drawn(group(say.s(1), say.si(2)), 0)[0]] == ["[0,1]", "[2]"]
    assert [args for args, _ in drawn(chord([say.s(1)], say.s(2)), 0)[0]] == ["[0,1]", "[2]"]
    assert [args for args, _ in drawn(chain(group(say.s(1)), say.s(2)), 0)[0]] == ["[0,1]", "[2]"]
    assert drawn(chain(say.s(1), say.s(2)).clone((0,))) == drawn(chain(say.s(1), say.s(2)), 0)
    assert drawn(chain(say.s(1), say.s(2)).set(immutable=True), 0)[0][0] == ("[1]", None)
    [job], _, _ = laid(group(add.s(1)).clone((), {"y": 2}))
    assert (job.args, job.kwargs) == ("[1]", '{"y":2}')


def test_options_of_a_chain_are_its_first_tasks():
    jobs, _, _ = laid(chain(say.s(1), say.s(2).set(queue="b")), queue="a", countdown=5)
    assert [(job.queue, job.countdown) for job in jobs] == [("a", 5), ("b", 0)]


def test_options_of_a_group_are_every_members_and_of_a_chord_the_bodys_too_but_for_time():
    jobs, _, _ = laid(chord([say.s(1), say.s(2)], say.s(3)), queue="a", countdown=5, priority=3)
    assert [(job.queue, job.countdown, job.priority) for job in jobs] == [
        ("a", 5, 3), ("a", 5, 3), ("a", 0, 3),
    ]  # fmt: skip


def test_options_of_a_group_inside_a_chain_are_its_members():
    jobs, _, _ = laid(chain(say.s(1), group(say.s(2), say.s(3).set(queue="c")).set(queue="b")))
    assert [job.queue for job in jobs] == ["default", "b", "b"]


def test_a_task_id_is_that_of_the_last_of_a_chain_of_a_body_and_of_a_group():
    chosen = uuid7()
    jobs, _, layout = laid(chain(say.s(1), say.s(2)), task_id=chosen)
    assert layout.shape.id == jobs[1].id == chosen
    assert (jobs[0].chosen, jobs[1].chosen) == (False, True)
    jobs, _, layout = laid(chord([say.s(1)], chain(say.s(2), say.s(3))), task_id=chosen)
    assert layout.shape.id == jobs[2].id == chosen
    jobs, _, layout = laid(group(say.s(1)), task_id=chosen)
    assert layout.shape.id == chosen != jobs[0].id


def test_all_jobs_of_a_canvas_have_its_first_as_their_root_and_what_came_before_as_their_parent():
    canvas = chain(say.s(0), group(say.s(1), say.s(2) | say.s(3)), say.s(4), say.s(5))
    jobs, _, _ = laid(canvas)
    ids = [job.id for job in jobs]
    assert {job.root_id for job in jobs} == {ids[0]}
    assert [job.parent_id for job in jobs] == [None, ids[0], ids[0], ids[2], ids[0], ids[4]]
    assert [job.linked for job in jobs] == [True, True, True, True, True, None]


def test_a_canvas_sent_by_a_job_has_that_as_parent_and_its_root():
    around = Context(uuid7(), uuid7())
    jobs, _, _ = laid(chain(say.s(0), say.s(1)), context=around)
    assert [job.parent_id for job in jobs] == [around.parent_id, jobs[0].id]
    assert {job.root_id for job in jobs} == {around.root_id}


def test_a_group_without_edges_has_no_family():
    jobs, edges, _ = laid(group(say.s(1), say.s(2)))
    assert not edges
    assert {(job.root_id, job.parent_id, job.linked, job.open_parents) for job in jobs} == {
        (None, None, None, None)
    }


def test_members_note_their_group_and_the_chord_that_waits_for_them():
    jobs, _, layout = laid(chord([say.s(0), chain(say.s(1), say.s(2))], chain(say.s(3), say.s(4))))
    notes = [json.loads(job.headers)["pgqueue"] if job.headers else None for job in jobs]
    header, body = str(layout.shape.above.above.id), str(layout.shape.id)
    member = {"group": header, "chord": body}
    assert notes == [{**member, "group_index": 0}, None, {**member, "group_index": 1}, None, None]


def test_a_users_headers_and_limits_stay():
    [job], _, _ = laid(group(say.s(1).set(headers={"trace": "t"}, time_limit=5)))
    headers = json.loads(job.headers)
    assert headers["trace"] == "t"
    assert headers["pgqueue"]["time_limit"] == 5
    assert headers["pgqueue"]["group_index"] == 0


def test_an_errbacks_template_is_a_whole_job():
    failing = fail.s().on_error(errback.s(7).set(queue="alarms", priority=5, countdown=9))
    _, [edge], _ = laid(failing)
    job = json.loads(edge.job)
    assert {**job, "max_attempts": 4} == {
        "task": "errback", "args": [7], "kwargs": {}, "queue": "alarms", "priority": 5,
        "max_attempts": 4, "countdown": 9, "headers": {"pgqueue": {"errback": True}},
    }  # fmt: skip
    _, [edge], _ = laid(fail.s().on_error(say.si(1)))
    job = json.loads(edge.job)
    assert job["immutable"] is True
    assert "headers" not in job
    _, [edge], _ = laid(fail.s().on_error(old_errback.s()))
    assert json.loads(edge.job)["args"] == []


def test_a_thousand_members_and_a_thousand_more_have_an_edge_each_not_each_to_each():
    canvas = group(say.s(i) for i in range(1_000)) | group(say.s(i) for i in range(1_000))
    jobs, edges, _ = laid(canvas)
    assert (len(jobs), len(edges)) == (2_001, 2_000)


def test_a_chain_of_thousands_is_laid_out_and_its_handle_made():
    canvas = chain(say.s(i) for i in range(5_000))
    assert len(laid(canvas)[0]) == 5_000
    first = canvas.freeze().root
    assert first.id == canvas.tasks[0].id


@pytest.mark.parametrize(
    ("canvas", "error", "message"),
    [
        (chain(add.s(1, 1), add.s()), InvalidCall, r"^chain, task 2: add\(x, y\): missing .* 'y'"),
        (chain(add.s(1, 1), add.s(1, 1)), InvalidCall, r"^chain, task 2: add\(x, y\): too many"),
        (chain(add.si(1, 1), add.si(1)), InvalidCall, r"^chain, task 2: add\(x, y\): missing"),
        (chain(add.s(1)), InvalidCall, r"^chain, task 1: add\(x, y\): missing .* 'y'"),
        (group(say.s(), say.s({1})), InvalidPayload, r"^group, task 2: args\[0\]"),
        (
            chain(say.s(), group(say.s(), say.s() | add.s())),
            InvalidCall,
            r"^chain, task 2: group, task 2: chain, task 2: add\(x, y\): missing",
        ),
        (chord([add.s(1)], say.s()), InvalidCall, r"^chord, header: group, task 1: add\(x, y\)"),
        (chord([say.s()], add.s()), InvalidCall, r"^chord, body: add\(x, y\): missing"),
        (
            group(say.s().set(prioritty=1)),
            InvalidOption,
            r"^group, task 1: prioritty= is not an option of a call; did you mean priority=",
        ),
        (group(say.s()).set(queue=7), InvalidOption, r"^group, task 1: queue=7"),
        (say.s().set(link=add.s()), InvalidCall, r"^link, 1: add\(x, y\): missing"),
        (say.s().on_error(errback.s(kwarg=1)), InvalidCall, r"^link_error: errback\("),
        (say.s().on_error(say.s() | say.s()), InvalidOption, r"^link_error: .* of one task"),
        (say.s().on_error(say.s().set(link=say.s())), InvalidOption, "no callbacks of its own"),
        (add.map([1]), InvalidCall, r"^item 0: add\(x, y\): missing"),
        (add.starmap([(1, 2), 3]), InvalidCall, r"^item 1: 3: give a list of arguments"),
        (say.s().set(task_id="7", link=say.s()), InvalidOption, "task_id='7'"),
    ],
)
def test_what_is_wrong_is_refused_before_anything_is_sent_with_its_place(canvas, error, message):
    with pytest.raises(error, match=message):
        laid(canvas)
