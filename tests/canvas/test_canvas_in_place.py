"""A canvas called in place comes to what the plainest reading of it says; no database."""

from __future__ import annotations

import asyncio
import json

import pytest
from hypothesis import given
from meaning import canvases, meaning

from pgqueue import (
    ChordError,
    EagerResult,
    GroupResult,
    PgQueue,
    Task,
    chain,
    chord,
    group,
    signature,
)
from support.canvas import add, areplaced, asay, fail, flaky, replaced, say, total


@given(canvases)
def test_any_canvas_comes_to_what_it_means(canvas):
    assert canvas.apply().get() == meaning(canvas)


@given(canvases)
def test_a_copy_and_one_that_came_through_json_mean_the_same(canvas):
    through_json = signature(json.loads(json.dumps(canvas)), app=canvas._own_app() or say.app)
    assert through_json == canvas == canvas.clone()
    assert through_json.apply().get() == meaning(canvas)


@pytest.mark.parametrize(
    ("canvas", "result"),
    [
        (chain(add.s(4, 4), add.s(8), add.s(10)), 26),
        (add.s(2, 2) | add.s(4) | add.s(8), 16),
        (chain(add.s(2), add.s(4)), 11),
        (group(add.s(i, i) for i in range(4)), [0, 2, 4, 6]),
        (chord((add.s(i, i) for i in range(100)), total.s()), 9900),
        (group(add.s(i, i) for i in range(100)) | total.s(), 9900),
        (chain(add.s(4, 16), group(add.s(2), add.s(4))), [22, 24]),
        (chain(group(add.s(1, 1), add.s(2, 2)), total.s(), add.s(1)), 7),
        (chain(add.s(1, 1), group(add.s(1), add.s(2)), total.s()), 7),
        (group(say.s(1), say.s(2)) | group(say.s(3), say.s(4)), [[[[1], [2]], 3], [[[1], [2]], 4]]),
        (chord([], total.s()), 0),
        (chain(group(), total.s()), 0),
        (chain(say.s(1), group(), say.s(2)), [[], 2]),
        (chain(chain(), say.s(1), chain()), [1]),
        (group(chain(), say.s(1)), [[1]]),
        (chain(), []),
        (group(), []),
        (chord([say.s(1)], say.s()), [[[1]]]),
        (chain(say.s(1), say.si(2), say.s(3)), [[2], 3]),
        (add.starmap([(1, 2), (3, 4)]), [3, 7]),
        (total.map([[1, 2], [3]]), [3, 3]),
        (asay.map([1, 2]), [[1], [2]]),
        (asay.s(1) | asay.s(2), [[1], 2]),
        (add.chunks(zip(range(5), range(5), strict=True), 2), [[0, 2], [4, 6], [8]]),
        (add.chunks([(1, 1), (2, 2)], 1) | say.s(), [[[2], [4]]]),
        (add.starmap([]), []),
        (chain(add.s(1, 1), group(group(add.s(1), add.s(2)), add.s(3))), [3, 4, 5]),
        (chain(say.s(1), flaky.s(2)), [[1], 2]),
    ],
    ids=repr,
)
def test_examples(canvas, result):
    given = (5,) if canvas == chain(add.s(2), add.s(4)) else ()
    found = canvas.apply(given)
    assert found.get() == result
    assert asyncio.run(canvas.aapply(given)).get() == result
    assert isinstance(found, (EagerResult, GroupResult))


def test_parents_are_what_came_before():
    found = chain(say.s(1), group(say.s(2), say.s(3)), say.s(4)).apply()
    assert isinstance(found.parent, GroupResult)
    assert found.parent.get() == [[[1], 2], [[1], 3]]
    assert found.parent.parent.get() == [1]
    assert found.root == found.parent.parent
    assert found.parent.parent.parent is None


def test_what_fails_fails_all_after_it_and_its_error_is_theirs():
    found = chain(say.s(1), fail.s("no"), say.s(2), say.s(3)).apply()
    assert [found.state, found.parent.state, found.root.state] == ["FAILURE", "FAILURE", "SUCCESS"]
    with pytest.raises(ValueError, match="no"):
        found.get()


def test_a_chord_says_which_of_its_header_failed():
    found = chord([say.s(1), fail.s("no")], say.s()).apply()
    with pytest.raises(ChordError, match=f"Dependency {found.parent[1].id} raised ValueError: no"):
        found.get()
    assert [each.state for each in found.parent] == ["SUCCESS", "FAILURE"]
    assert found.parent.completed_count() == 1
    assert found.parent.failed()
    assert found.parent.ready()
    assert not found.parent.successful()
    with pytest.raises(ValueError, match="no"):
        found.parent.get()
    assert isinstance(found.parent.get(propagate=False)[1], ValueError)


@pytest.mark.parametrize(
    "canvas",
    [
        say.s(1),
        chain(say.s(1), say.s(2)),
        group(say.s(1), say.s(2)),
        chord([say.s(1), say.s(2)], say.s()),
        chain(say.s(1), group(say.s(2), say.s(3))),
    ],
    ids=repr,
)
def test_a_callback_is_called_once_after_the_whole_with_its_result(canvas):
    told = []
    canvas = canvas.clone()
    canvas.link(_task(told.append).s())
    result = canvas.apply().get()
    assert result == meaning(canvas)
    assert told == [result]


def test_callbacks_of_tasks_within_are_called_with_their_results():
    told = []
    tell = _task(told.append)
    canvas = chain(say.s(1).set(link=tell.s()), group(say.s(2), say.s(3)), say.s())
    canvas.tasks[1].tasks[1].link(tell.s() | tell.si("and then"))
    canvas.apply()
    assert told == [[1], [[1], 3], "and then"]


def test_an_errback_of_a_canvas_is_called_once_and_those_of_tasks_for_each():
    told = []
    whole = _task(lambda request, exc, _traceback: told.append((request.args, exc.args)))
    each = _task(told.append, "each")
    header = [fail.s("a").on_error(each.s()), fail.s("b").on_error(each.s())]
    found = chord(header, say.s()).on_error(whole.s()).apply()
    assert [one for one in told if isinstance(one, str)] == [one.id for one in found.parent]
    assert [one for one in told if not isinstance(one, str)] == [(["a"], ("ValueError: a",))]


@pytest.mark.parametrize("task", [replaced, areplaced])
def test_a_task_is_replaced_in_place(task):
    assert chain(task.s("chain"), say.s("then")).apply().get() == [[["first"], "second"], "then"]
    assert chord([task.s("group"), say.s(1)], say.s()).apply().get() == [[[["one"], ["two"]], [1]]]


def test_its_handler_is_told_by_what_it_is_replaced_and_may_refuse():
    told = []

    class Replaced(Task):
        def on_replace(self, sig):
            told.append((self.request.id, sig.args))
            if sig.args[0] == "refused":
                raise LookupError("not by this")
            return super().on_replace(sig)

    class Areplaced(Replaced):
        async def on_replace(self, sig):
            return Replaced.on_replace(self, sig)

    app = PgQueue("aside")

    @app.task(bind=True, base=Replaced)
    def becomes(self, word):
        raise self.replace(say.s(word))

    @app.task(bind=True, base=Areplaced)
    async def abecomes(self, word):
        raise await self.areplace(say.s(word))

    for task in (becomes, abecomes):
        done = task.apply(("new",))
        assert (done.get(), told.pop()) == (["new"], (done.id, ("new",)))
        assert isinstance(task.apply(("refused",)).result, LookupError)


def test_always_eager_calls_every_canvas_in_place(monkeypatch):
    monkeypatch.setattr(type(say.app), "always_eager", True)
    assert chain(say.s(1), say.s(2)).delay().get() == [[1], 2]
    assert asyncio.run(group(say.s(1), say.s(2)).adelay()).get() == [[1], [2]]
    assert ~(say.s(1) | say.s(2)) == [[1], 2]
    assert chord([say.s(1)])(say.s(2)).get() == [[[1]], 2]


def _task(function, name="aside"):
    """A task of an application of its own: the worker's need not know it."""
    return PgQueue("aside").task(name=name)(function)
