"""Signatures of many calls: how they are put together, copied, frozen, and said as dicts."""

from __future__ import annotations

import copy
import json
import pickle

import pytest

from pgqueue import (
    GroupResult,
    InvalidCall,
    InvalidOption,
    PgQueue,
    Signature,
    UnknownTask,
    UsageError,
    chain,
    chord,
    chunks,
    group,
    maybe_signature,
    signature,
)
from pgqueue.apps import APPS
from support.canvas import add, app, asay, fail, say, total

KEYS = {"task", "args", "kwargs", "options", "subtask_type", "immutable"}


def several():
    return [
        say.s(1, b=2).set(queue="slow", priority=3),
        say.si(1),
        chain(say.s(1), say.s(2)),
        group(say.s(1), say.s(2)).set(countdown=5),
        chord([say.s(1), say.s(2)], total.s()),
        chain(say.s(1), group(say.s(2), chord([say.s(3)], say.s(4))), say.s(5)),
        say.s(1).set(link=[say.s(2) | say.s(3)], link_error=[fail.s()]),
        add.map([1, 2]),
        add.starmap([[1, 2]]),
        add.chunks([[1, 2], [3, 4]], 1),
    ]


@pytest.mark.parametrize("number", range(len(several())))
def test_a_signature_is_a_dict_that_json_keeps(number):
    original = several()[number]
    assert original.keys() == KEYS
    said = json.loads(json.dumps(original))
    for again in (
        signature(said, app=app),
        Signature.from_dict(said, app=app),
        maybe_signature(said, app),
    ):
        assert again == original
        assert type(again) is type(original)
        assert json.loads(json.dumps(again)) == said
        assert repr(again) == repr(original)
    assert maybe_signature(None) is None
    assert maybe_signature(original) is original


@pytest.mark.parametrize("number", range(len(several())))
def test_a_clone_is_apart_from_its_original_at_every_depth(number):
    for cloned in (several()[number].clone(), copy.deepcopy(several()[number])):
        assert cloned == several()[number]
        cloned.set(queue="other")
        cloned.link(say.s("x"))
        for piece in cloned._pieces():
            piece.set(queue="other")
    original = several()[number]
    original.clone().set(queue="other")
    assert original == several()[number]


def test_canvas_is_found_under_celerys_keys():
    assert chain(say.s(1), say.s(2))["kwargs"]["tasks"] == [say.s(1), say.s(2)]
    assert group(say.s(1))["kwargs"]["tasks"] == [say.s(1)]
    whole = chord([say.s(1)], say.s(2))
    assert whole["kwargs"]["header"] == group(say.s(1))
    assert whole["kwargs"]["body"] == whole.body == say.s(2)
    assert whole.tasks == [say.s(1)]
    assert [each["subtask_type"] for each in (chain(), group(), whole, say.s())] == [
        "chain", "group", "chord", None,
    ]  # fmt: skip
    one = say.s(1, b=2).set(queue="q")
    assert (one.task, one.name, one.args, one.kwargs, one.options) == (
        "say",
        "say",
        (1,),
        {"b": 2},
        {"queue": "q"},
    )
    assert one.type is say
    assert one.app is app
    assert (one.immutable, one.subtask_type, one.id) == (False, None, None)


@pytest.mark.parametrize(
    ("put_together", "same"),
    [
        (lambda: say.s(1) | say.s(2), chain(say.s(1), say.s(2))),
        (lambda: say.s(1) | say.s(2) | say.s(3), chain(say.s(1), say.s(2), say.s(3))),
        (lambda: say.s(1) | (say.s(2) | say.s(3)), chain(say.s(1), say.s(2), say.s(3))),
        (lambda: chain([say.s(1), say.s(2)]), chain(say.s(1), say.s(2))),
        (lambda: chain(say.s(i) for i in (1, 2)), chain(say.s(1), say.s(2))),
        (lambda: chain(chain(say.s(1)), say.s(2)), chain(say.s(1), say.s(2))),
        (lambda: say.s(1) | group(say.s(2)), chain(say.s(1), group(say.s(2)))),
        (lambda: chain(say.s(1)) | group(say.s(2)), chain(say.s(1), group(say.s(2)))),
        (lambda: group(say.s(1)) | say.s(2), chord([say.s(1)], say.s(2))),
        (lambda: group(say.s(1)) | say.s(2) | say.s(3), chord([say.s(1)], say.s(2) | say.s(3))),
        (lambda: group(say.s(1)) | group(say.s(2)), chord([say.s(1)], group(say.s(2)))),
        (lambda: chord([say.s(1)], say.s(2)) | say.s(3), chord([say.s(1)], say.s(2) | say.s(3))),
        (
            lambda: say.s(1) | chord([say.s(2)], say.s(3)),
            chain(say.s(1), chord([say.s(2)], say.s(3))),
        ),
        (lambda: group([say.s(1), say.s(2)]), group(say.s(1), say.s(2))),
        (lambda: group(say.s(i) for i in (1, 2)), group(say.s(1), say.s(2))),
        (lambda: group(iter([dict(say.s(1))])), group(say.s(1))),
        (lambda: chord(group(say.s(1)), say.s(2)), chord([say.s(1)], say.s(2))),
        (lambda: chord(say.s(i) for i in (1,)), chord([say.s(1)])),
        (lambda: chord(say.s(1), say.s(2)), chord([say.s(1)], say.s(2))),
        (lambda: say.signature((1,), {"b": 2}, countdown=3), say.s(1, b=2).set(countdown=3)),
        (lambda: signature("say", args=(1,), countdown=3, app=app), say.s(1).set(countdown=3)),
        (lambda: signature("say", (1,), immutable=True), say.si(1)),
        (lambda: say.s(1).set(immutable=True), say.si(1)),
        (lambda: chunks(say.s(), [(1,)], 1), say.chunks([(1,)], 1)),
        (
            lambda: say.chunks(([i] for i in range(3)), 2).group(),
            group(say.starmap([[0], [1]]), say.starmap([[2]])),
        ),
    ],
)
def test_forms_of_putting_together(put_together, same):
    assert put_together() == same


def test_putting_together_changes_neither_piece():
    first, second = chain(say.s(1), say.s(2)), chord([say.s(3)], say.s(4))
    assert first | second | say.s(5) == chain(
        say.s(1), say.s(2), chord([say.s(3)], say.s(4)), say.s(5)
    )
    assert (first, second) == (chain(say.s(1), say.s(2)), chord([say.s(3)], say.s(4)))


def test_what_a_canvas_has_of_its_own_stays_with_it_when_it_is_put_into_a_chain():
    inner = chain(say.s(1), say.s(2)).set(queue="slow")
    inner.link(say.s("linked"))
    assert chain(inner, say.s(3)).tasks == [inner, say.s(3)]


@pytest.mark.parametrize(
    ("put_together", "message"),
    [
        (
            lambda: chain(say, say.s()),
            r"chain, task 1: <task say>: give a signature, such as say\.s",
        ),
        (lambda: group([say.s(), 7]), r"group, task 2: 7: give a signature$"),
        (lambda: chord([say.s()], "say"), r"chord, body: 'say': give a signature"),
        (lambda: chord([None], say.s()), r"chord, header, task 1: None: give a signature"),
        (lambda: say.s().link(say), r"link: <task say>: give a signature, such as"),
        (lambda: signature({"tsak": "say"}), r"give a signature, or one as a dict"),
        (
            lambda: signature({"task": "x", "subtask_type": "ring"}),
            "there is no signature of kind 'ring'",
        ),
        (lambda: say.chunks([1], 0), "chunks: n=0: give the number of items to a job"),
        (lambda: chord([say.s()]).delay(), "has no body"),
        (lambda: chain(say.s(), say.s()).job(), "means several jobs"),
    ],
)
def test_what_is_no_signature_is_refused_with_its_place(put_together, message):
    with pytest.raises(InvalidCall, match=message):
        put_together()


def test_a_task_cannot_be_chained_with_what_is_none():
    with pytest.raises(TypeError):
        say.s() | 7  # type: ignore[operator]


def test_a_canvas_as_a_condition_is_true_and_as_long_as_its_tasks():
    assert group()
    assert len(group()) == len(chain()) == 0
    assert len(group(say.s(1), say.s(2))) == 2
    assert json.loads(json.dumps(group(), indent=1))["subtask_type"] == "group"


def test_large_ones_are_shown_in_short():
    assert repr(group(say.s(i) for i in range(1_009))) == (
        "group(say(0), say(1), say(2), say(3), say(4), say(5), say(6), say(7), … 1,001 more)"
    )
    assert repr(add.chunks([[1, 2]], 1)) == "add().chunks([[1, 2]], 1)"


def test_freezing_chooses_the_ids_that_the_call_will_have():
    one = say.s(1)
    frozen = one.freeze()
    assert frozen.id == one.id == one.freeze().id == one.job().id.__str__()

    line = chain(say.s(1), group(say.s(2), say.s(3)), say.s(4))
    last = line.freeze()
    assert last.id == line.id == line.tasks[-1].id
    assert last.parent.id == line.tasks[1].id
    assert [each.id for each in last.parent] == [each.id for each in line.tasks[1].tasks]
    assert last.parent.parent.id == line.tasks[0].id

    side = group(say.s(1), say.s(2))
    assert isinstance(side.freeze(), GroupResult)
    assert [each.id for each in side.freeze()] == [each.id for each in side.tasks]

    both = chord([say.s(1)], say.s(2))
    chosen = "0198c0de-0000-7000-8000-000000000001"
    assert both.freeze(chosen).id == both.id == both.body.id == chosen


def test_freezing_needs_no_arguments_yet():
    assert add.s().freeze().id


def test_one_frozen_signature_cannot_be_two_tasks():
    one = say.s(1)
    one.freeze()
    with pytest.raises(InvalidOption, match=r"chain, task 2: task_id='.*' is another task's"):
        chain(one, one).apply()


def test_skew_gives_members_countdowns():
    side = group(say.s(i) for i in range(5)).skew(start=1, stop=4, step=1.5)
    assert [each.options["countdown"] for each in side.tasks] == [1, 2.5, 1, 2.5, 1]


def test_links_are_added_once_and_returned():
    one, linked, errback = say.s(1), say.s(2), fail.s()
    assert one.link(linked) is linked
    one.link(linked)
    assert one.link_error(errback) is errback
    assert one.on_error(errback) is one
    assert one.options == {"link": [say.s(2)], "link_error": [fail.s()]}
    linked.link(say.s(3))
    assert [each.args for each in one.flatten_links()] == [(1,), (2,), (3,)]


def test_a_signature_can_be_called_like_its_task():
    assert add.s(1)(2) == 3
    assert add.si(1, 2)(7) == 3


def test_a_dict_finds_its_task_by_name_and_says_so_where_it_cannot(monkeypatch):
    assert signature({"task": "say"}, app=app).type is say
    current = PgQueue("current")
    assert signature({"task": "say"}).app is current
    app.set_current()
    assert signature({"task": "say"}).type is say
    monkeypatch.setattr(APPS, "current", None)
    monkeypatch.setattr(APPS, "default", None)
    with pytest.raises(UsageError, match="belongs to no application"):
        signature({"task": "say"}).delay()
    with pytest.raises(UnknownTask, match="no task is named 'nobody' here"):
        signature("nobody", app=app).type  # noqa: B018


def test_a_signature_by_name_goes_with_the_current_application(monkeypatch):
    monkeypatch.setattr(APPS, "current", app)
    assert signature("say").app is app
    assert signature("say").type is say


def test_a_group_of_one_is_its_task_in_a_chain_as_in_celery():
    assert chain(say.s(1), group(say.s(2)), say.s(3)) == chain(say.s(1), say.s(2), say.s(3))
    assert chain(group(say.s(1)), say.s(2)) == say.s(1) | say.s(2)
    assert (say.s(1) | group(say.s(2))) == say.s(1) | say.s(2)
    assert isinstance(group(say.s(1)) | say.s(2), chord)


def test_a_canvas_goes_with_the_application_of_its_tasks():
    other = PgQueue("other")
    assert chain(say.s(), asay.s()).app is app
    assert chain(say.s(), app=other).app is other
    assert group(signature("say"), say.s()).app is app


def test_a_copy_still_knows_its_application():
    assert copy.copy(chain(say.s(1))).app is app
    assert json.loads(json.dumps(pickle.loads(pickle.dumps(dict(say.s(1)))))) == json.loads(
        json.dumps(say.s(1))
    )
