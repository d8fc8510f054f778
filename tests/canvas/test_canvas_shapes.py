"""What every shape of canvas comes to through a real worker, which is one for the whole module."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from meaning import canvases, meaning

from pgqueue import chain, chord, group, signature
from support.canvas import (
    add,
    app,
    areplaced,
    asay,
    at_an_end,
    flaky,
    me,
    replaced,
    say,
    total,
)
from support.waiting import wait_for

PATIENCE = 30

pytestmark = pytest.mark.usefixtures("steady_worker")


@pytest.mark.parametrize(
    ("canvas", "result"),
    [
        (chain(add.s(4, 4), add.s(8), add.s(10)), 26),
        (chord((add.s(i, i) for i in range(100)), total.s()), 9900),
        (group(add.s(i, i) for i in range(10)), [2 * i for i in range(10)]),
        (chain(add.s(1, 1), group(add.s(1), add.s(2)), total.s(), add.s(1)), 8),
        (group(say.s(1), say.s(2)) | group(say.s(3), say.s(4)), [[[[1], [2]], 3], [[[1], [2]], 4]]),
        (chord([group(say.s(1), chain(say.s(2), group(say.s(3), say.s(4))))], say.s(5)), None),
        (chain(chord([chord([say.s(1)], say.s(2)), say.s(3)], say.s(4)), say.s(5)), None),
        (group(group(group(say.s(1)), say.s(2)), chain(chain(chain(say.s(3))))), None),
        (chord([], total.s()), 0),
        (chain(group(), total.s()), 0),
        (chain(say.s(1), group(), say.s(2)), [[], 2]),
        (chain(group(say.s(1), say.s(2)), group(), group(say.s(3), say.s(4))), None),
        (chain(say.s(1), say.si(2), say.s(3)), [[2], 3]),
        (chord([say.s(1), say.s(2)], say.si("alone")), ["alone"]),
        (asay.s(1) | asay.s(2), [[1], 2]),
        (chain(say.s(1), flaky.s(2), say.s(3)), [[[1], 2], 3]),
        (chord([at_an_end.s(), say.s(1)], say.s()), [["tidied up", [1]]]),
        (add.chunks(((i, i) for i in range(5)), 2), [[0, 2], [4, 6], [8]]),
        (add.chunks([(1, 1), (2, 2)], 1) | say.s(), [[[2], [4]]]),
        (total.map([[1, 2], [3]]), [3, 3]),
        (asay.starmap([(1, 2), (3,)]), [[1, 2], [3]]),
    ],
)
def test_shapes(canvas, result):
    expected = meaning(canvas) if result is None else result
    assert canvas.delay().get(PATIENCE) == expected
    again = signature(json.loads(json.dumps(canvas)), app=app)
    assert again.delay().get(PATIENCE) == expected


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
@given(canvas=canvases)
def test_any_canvas_comes_to_what_it_means(canvas):
    assert canvas.delay().get(PATIENCE) == meaning(canvas)
    wait_for(_is_idle, "the end: that of an empty group is there before it is due", PATIENCE)
    with app.transaction() as connection:
        assert connection.execute("select * from pgqueue.edges").fetchall() == []


@pytest.mark.parametrize("task", [replaced, areplaced])
@pytest.mark.parametrize(
    ("kind", "result"),
    [
        ("task", ["new"]),
        ("immutable", ["new"]),
        ("chain", [["first"], "second"]),
        ("group", [["one"], ["two"]]),
        ("chain_of_groups", [[[[1], [2]], 3], [[[1], [2]], 4]]),
        ("chord", [[["one"], ["two"]], "body"]),
        ("again", [["first"], "second"]),
        ("dict", ["new"]),
    ],
)
def test_what_a_task_is_replaced_by_is_its_result_wherever_it_is(task, kind, result):
    assert task.delay(kind).get(PATIENCE) == result
    assert chain(task.s(kind), say.s("then")).delay().get(PATIENCE) == [result, "then"]
    both = chord([task.s(kind), say.s(1)], say.s("body"))
    assert both.delay().get(PATIENCE) == [[result, [1]], "body"]
    assert chord([say.s(1)], task.si(kind)).delay().get(PATIENCE) == result


def test_a_run_knows_its_place_in_the_canvas():
    found = chain(me.s(), chord([me.si(), me.si()], say.s())).delay()
    [first_two] = found.get(PATIENCE)
    root = found.root
    assert [each["index"] for each in first_two] == [0, 1]
    assert {each["group"] for each in first_two} == {found.parent.id}
    assert {each["chord"] for each in first_two} == {found.id}
    assert {(each["parent"], each["root"]) for each in first_two} == {(root.id, root.id)}
    assert root.get() == {
        "id": root.id, "parent": None, "root": root.id, "group": None, "index": None, "chord": None,
    }  # fmt: skip


def test_thousands_of_members_are_waited_for_together():
    found = group(say.s(i) for i in range(3_000)).delay()
    assert found.get(PATIENCE) == [[i] for i in range(3_000)]
    assert found.join() == found.join_native()


def _is_idle():
    with app.transaction() as connection:
        return not connection.execute("select from pgqueue.jobs_live").fetchall()
