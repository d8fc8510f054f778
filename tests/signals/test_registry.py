"""A signal tells those who are connected, as Celery's do."""

# Handlers and receivers are given more than they look at.
# ruff: noqa: ARG002, ARG005

from __future__ import annotations

import asyncio
import gc
import logging
from unittest.mock import Mock

import pytest

from pgqueue.errors import InvalidOption
from pgqueue.signals import Signal


@pytest.fixture
def shipped():
    return Signal("shipped", "parcel")


def answers(responses):
    return [answer for _, answer in responses]


def test_a_receiver_gets_signal_sender_and_what_is_said(shipped):
    receiver = Mock()
    shipped.connect(receiver)
    shipped.send(sender="shop", parcel=7)
    receiver.assert_called_once_with(signal=shipped, sender="shop", parcel=7)


def test_receivers_are_called_in_their_order_and_answer_in_it(shipped):
    for number in (1, 2, 3):
        shipped.connect(Mock(return_value=number), weak=False)
    assert answers(shipped.send(sender=None)) == [1, 2, 3]


def test_connect_is_a_decorator_with_and_without_options(shipped):
    @shipped.connect
    def plain(**kwargs):
        return "plain"

    @shipped.connect(sender="shop")
    def with_options(**kwargs):
        return "with options"

    assert plain() == "plain"
    assert with_options() == "with options"
    assert answers(shipped.send(sender="shop")) == ["plain", "with options"]


def test_a_receiver_hears_only_of_its_sender_or_what_is_equal(shipped):
    class StandsFor:
        def __init__(self, another):
            self.another = another

        def __eq__(self, other):
            return self.another is other

        __hash__ = None

    task, other = Mock(), Mock()
    by_name, by_object, by_deputy = Mock(), Mock(), Mock()
    shipped.connect(by_name, sender="shop")
    shipped.connect(by_object, sender=task)
    shipped.connect(by_deputy, sender=StandsFor(task))
    for sender in (None, "sh" + "op", "other", task, other):
        shipped.send(sender=sender)
    heard = [receiver.mock_calls for receiver in (by_name, by_object, by_deputy)]
    assert [[call.kwargs["sender"] for call in calls] for calls in heard] == [
        ["shop"],
        [task],
        [task],
    ]
    assert shipped.has_listeners("shop")
    assert not shipped.has_listeners("other")


def test_who_is_connected_twice_is_called_once_unless_for_two_senders(shipped):
    receiver = Mock()
    for sender in (None, None, "a", "a", "b"):
        shipped.connect(receiver, sender=sender)
    shipped.send(sender="c")
    assert receiver.call_count == 1
    shipped.send(sender="a")
    assert receiver.call_count == 3


def test_one_identifier_is_one_receiver(shipped):
    first, second = Mock(), Mock()
    shipped.connect(first, dispatch_uid="once")
    shipped.connect(second, dispatch_uid="once")
    shipped.send(sender=None)
    assert (first.call_count, second.call_count) == (1, 0)
    assert shipped.disconnect(dispatch_uid="once")
    assert not shipped.disconnect(dispatch_uid="once")
    assert not shipped.has_listeners()


def test_who_is_disconnected_hears_no_more(shipped):
    receiver = Mock()
    shipped.connect(receiver)
    shipped.connect(receiver, sender="shop")
    assert shipped.disconnect(receiver)
    shipped.send(sender="shop")
    assert receiver.call_count == 1
    assert shipped.disconnect(receiver, sender="shop")
    assert not shipped.receivers


def test_a_receiver_that_nobody_keeps_is_forgotten(shipped):
    def make():
        @shipped.connect
        def local(**kwargs): ...

        @shipped.connect(weak=False)
        def kept(**kwargs): ...

    make()
    gc.collect()
    assert [receiver.__name__ for receiver, _ in shipped.send(sender=None)] == ["kept"]


def test_a_method_is_kept_for_as_long_as_its_object(shipped):
    class Office:
        def __init__(self, place):
            self.place = place

        def hear(self, **kwargs):
            return self.place

    here, there = Office("here"), Office("there")
    for office in (here, there):
        shipped.connect(office.hear)
        shipped.connect(office.hear)
    gc.collect()
    assert answers(shipped.send(sender=None)) == ["here", "there"]
    assert shipped.disconnect(here.hear)
    del office, there
    gc.collect()
    assert not shipped.has_listeners()


def test_what_a_receiver_raises_is_logged_is_its_answer_and_harms_nobody(shipped, caplog):
    error = ValueError("no")
    after = Mock(return_value="after")
    failing = Mock(side_effect=error)
    shipped.connect(failing)
    shipped.connect(after)
    assert answers(shipped.send(sender=None)) == [error, "after"]
    (record,) = caplog.records
    assert (record.name, record.levelno) == ("pgqueue.signals", logging.ERROR)
    assert "shipped" in record.getMessage()
    assert record.exc_info[1] is error


@pytest.mark.parametrize("receiver", [lambda sender: None, lambda sender, signal, parcel: None])
def test_who_takes_no_keywords_is_refused(shipped, receiver):
    with pytest.raises(InvalidOption, match=r"\*\*kwargs"):
        shipped.connect(receiver)
    assert not shipped.receivers


def test_what_cannot_be_called_or_kept_weakly_is_refused_with_the_remedy(shipped):
    with pytest.raises(InvalidOption, match="give a function"):
        shipped.connect("function")

    class Slotted:
        __slots__ = ()

        def __call__(self, **kwargs):
            return 1

    with pytest.raises(InvalidOption, match="weak=False"):
        shipped.connect(Slotted())
    shipped.connect(Slotted(), weak=False)
    assert answers(shipped.send(sender=None)) == [1]


def test_who_connects_or_disconnects_meanwhile_disturbs_nobody(shipped):
    late = Mock()

    @shipped.connect
    def first(**kwargs):
        shipped.disconnect(first)
        shipped.connect(late)

    second = Mock()
    shipped.connect(second)
    shipped.send(sender=None)
    assert (second.call_count, late.call_count) == (1, 0)
    shipped.send(sender=None)
    assert (second.call_count, late.call_count) == (2, 1)


# ── coroutines ───────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def loops(shipped):
    """The loops in which two coroutines were called, one of them failing."""
    seen = []

    async def receiver(**kwargs):
        await asyncio.sleep(0)
        seen.append(asyncio.get_running_loop())
        return "done"

    async def failing(**kwargs):
        await asyncio.sleep(0)
        raise ValueError("no")

    shipped.connect(receiver, weak=False)
    shipped.connect(failing, weak=False)
    return seen


def test_a_coroutine_is_awaited_where_one_sends(shipped, loops):
    async def main():
        responses = answers(await shipped.asend(sender=None))
        assert loops == [asyncio.get_running_loop()]
        return responses

    done, error = asyncio.run(main())
    assert done == "done"
    assert isinstance(error, ValueError)


def test_elsewhere_it_runs_to_its_end(shipped, loops):
    done, error = answers(shipped.send(sender=None))
    assert done == "done"
    assert isinstance(error, ValueError)
    assert len(loops) == 1


def test_even_where_a_loop_is_going_round(shipped, loops):
    async def main():
        done, error = answers(shipped.send(sender=None))
        assert done == "done"
        assert isinstance(error, ValueError)
        assert loops[0] is not asyncio.get_running_loop()

    asyncio.run(main())
