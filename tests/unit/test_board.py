"""Loops that tick, wait and hang, with the clock in the test's hands."""

from __future__ import annotations

import asyncio

import pytest

from pgqueue.worker.board import BOUND, Board, away, rest, tick


class Hands:
    """A clock that is set."""

    def __init__(self):
        self.time = 1000.0

    def __call__(self):
        return self.time


@pytest.fixture
def clock():
    return Hands()


@pytest.fixture
def board(clock):
    return Board(clock)


def followed(board, loop, **options):
    """What a loop returns that may look at the board meanwhile."""
    return asyncio.run(board.follow("loop", loop, **options))


def test_a_loop_hangs_when_it_has_not_ticked_for_longer_than_its_bound(board, clock):
    async def loop():
        clock.time += BOUND
        yet = board.states()
        clock.time += 0.1
        return yet, board.states()

    assert followed(board, loop()) == ({"loop": "ticking"}, {"loop": "hung"})


def test_a_tick_is_news_of_the_loop_that_calls_it_and_of_no_other(board, clock):
    async def loop():
        clock.time += BOUND + 1
        tick()
        return board.states()

    async def both():
        still = asyncio.ensure_future(board.follow("still", asyncio.sleep(60)))
        await asyncio.sleep(0)
        states = await board.follow("loop", loop())
        still.cancel()
        return states

    assert asyncio.run(both()) == {"still": "hung", "loop": "ticking"}


def test_a_loop_that_rests_on_purpose_has_that_much_longer(board, clock):
    async def loop():
        clock.time += 3600 + BOUND
        return board.states()

    assert followed(board, loop(), rests=3600) == {"loop": "ticking"}


def test_waiting_for_the_database_is_excused_however_long_and_counts_as_news(board, clock):
    async def loop():
        async with away():
            async with away():
                clock.time += 10 * BOUND
            during = board.states()
        after = board.states()
        clock.time += BOUND + 1
        return during, after, board.states()

    waited = ({"loop": "waiting"}, {"loop": "ticking"}, {"loop": "hung"})
    assert followed(board, loop()) == waited


def test_an_error_ends_the_excuse(board, clock):
    async def loop():
        with pytest.raises(ConnectionError):
            async with away():
                raise ConnectionError
        clock.time += BOUND + 1
        return board.states()

    assert followed(board, loop()) == {"loop": "hung"}


def test_a_loop_that_has_ended_is_expected_no_more(board):
    async def fail():
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        followed(board, fail())
    assert board.states() == {}


def test_what_belongs_to_no_loop_may_tick_and_wait():
    async def nobody():
        tick()
        async with away():
            return True

    assert asyncio.run(nobody())


def test_resting_ticks_until_the_event_or_the_end_of_its_time(board, clock, monkeypatch):
    monkeypatch.setattr("pgqueue.worker.board.REST", 0.001)

    async def loop():
        event = asyncio.Event()
        clock.time += BOUND + 1
        resting = asyncio.ensure_future(rest(event))  # of this loop: it inherits its context
        while board.states() == {"loop": "hung"}:  # noqa: ASYNC110 (a tick is no event)
            await asyncio.sleep(0.001)
        event.set()
        await resting
        await rest(asyncio.Event(), 0.005)
        return True

    assert followed(board, loop())


def test_resting_lets_others_have_their_turn_even_if_there_is_nothing_to_wait_for(board):
    async def loop():
        turns = []
        asyncio.get_running_loop().call_soon(turns.append, "another's")
        done = asyncio.Event()
        await rest(done, 0)
        return turns

    assert followed(board, loop()) == ["another's"]
