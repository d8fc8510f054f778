"""A signature: a call as a value, whose arguments may come in two parts."""

from __future__ import annotations

import asyncio
import copy
import json

import pytest

from pgqueue import AsyncResult, InvalidCall, InvalidOption, InvalidPayload
from pgqueue.canvas.signature import Signature
from pgqueue.making import make_task


def add(a, b=1, *, c=0):
    return a + b + c


@pytest.fixture
def task(recorder):
    return make_task(add, recorder, name="add", queue="sums")


@pytest.fixture
def enqueued(recorder):
    """The args, kwargs, queue and connection of the last enqueue."""

    def enqueued():
        query, connection = recorder.asked[-1]
        job = query.params
        return job["args"], job["kwargs"], job["queue"], connection

    return enqueued


def test_it_is_a_dict_that_json_keeps(task):
    signature = task.s(1, b=2).set(queue="mail", countdown=5)
    said = {
        "task": "add",
        "args": [1],
        "kwargs": {"b": 2},
        "options": {"queue": "mail", "countdown": 5},
        "subtask_type": None,
        "immutable": False,
    }
    assert json.loads(json.dumps(signature)) == said
    assert json.loads(json.dumps(task.si(1, b=2).set(**said["options"]))) == {
        **said,
        "immutable": True,
    }
    assert repr(task.s(1, b="x")) == "add(1, b='x')"


def test_later_arguments_come_before_and_later_keywords_beside(task, enqueued):
    task.s(2, c=3).delay(1)
    assert enqueued() == ("[1,2]", '{"c":3}', "sums", None)
    task.s(b=2, c=3).delay(1, c=4)
    assert enqueued() == ("[1]", '{"b":2,"c":4}', "sums", None)


def test_an_immutable_one_takes_no_arguments_but_options(task, enqueued):
    signature = task.si(1, c=3)
    signature.apply_async([7], {"c": 8}, queue="mail")
    assert enqueued() == ("[1]", '{"c":3}', "mail", None)
    assert signature.clone([7], {"c": 8}, priority=9) == task.si(1, c=3).set(priority=9)


def test_set_puts_options_in_and_later_ones_win(task, enqueued):
    signature = task.s(1)
    assert signature.set(queue="a", priority=3).set(queue="b") is signature
    assert signature["options"] == {"queue": "b", "priority": 3}
    signature.apply_async(queue="c")
    assert enqueued()[2] == "c"
    signature.delay()
    assert enqueued()[2] == "b"


def test_a_clone_is_apart_from_its_original(task):
    original = task.s(2, c=3).set(queue="a")
    clone = original.clone([1], {"c": 4}, queue="b")
    assert (clone["args"], clone["kwargs"]) == ((1, 2), {"c": 4})
    assert clone["options"] == {"queue": "b"}
    clone.set(priority=9)
    clone["kwargs"]["c"] = 5
    assert original == task.s(2, c=3).set(queue="a")
    assert isinstance(clone, Signature)


def test_what_it_is_made_of_can_change_without_it(task):
    args, kwargs = [1], {"c": 2}
    signature = Signature(task, args, kwargs)
    args.append(2)
    kwargs["c"] = 3
    assert signature == task.s(1, c=2)


def test_a_copy_can_still_be_enqueued(task, enqueued):
    copy.copy(task.s(1)).delay()
    assert enqueued()[0] == "[1]"


@pytest.mark.parametrize(
    "send",
    [
        lambda signature, on: signature.clone().apply_async([1], {"c": 3}, connection=on),
        lambda signature, on: asyncio.run(signature.aapply_async([1], {"c": 3}, connection=on)),
    ],
)
def test_it_is_enqueued_on_a_connection(task, enqueued, send):
    assert isinstance(send(task.s(2), "connection"), AsyncResult)
    assert enqueued() == ("[1,2]", '{"c":3}', "sums", "connection")


def test_it_is_enqueued_where_its_task_would_be(task, enqueued, recorder, monkeypatch):
    monkeypatch.setattr(recorder, "bound", lambda connection=None: connection or "bound")
    task.s(1).delay()
    assert enqueued()[3] == "bound"
    asyncio.run(task.s(1).adelay(2))
    assert enqueued() == ("[2,1]", "{}", "sums", "bound")


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda task: task.s().delay(), InvalidCall, "missing a required argument: 'a'"),
        (lambda task: task.s(2, 3).delay(1), InvalidCall, "too many positional arguments"),
        (lambda task: task.s(1, d=2).delay(), InvalidCall, "unexpected keyword argument 'd'"),
        (lambda task: task.s(1, a=2).job(), InvalidCall, "multiple values for argument 'a'"),
        (lambda task: task.s({1}).delay(), InvalidPayload, r"args\[0\]"),
        (lambda task: task.s(1).set(prioritty=1).delay(), InvalidOption, "did you mean priority="),
        (lambda task: asyncio.run(task.si().adelay(1)), InvalidCall, "missing a required"),
    ],
)
def test_what_is_wrong_is_refused_when_it_is_enqueued(task, recorder, call, error, message):
    with pytest.raises(error, match=message):
        call(task)
    assert recorder.asked == []
