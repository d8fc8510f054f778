"""A worker stops in two stages: with grace, then at once."""

from __future__ import annotations

import math

from pgqueue.worker.shutdown import Shutdown


def test_until_it_is_asked_to_stop_it_has_all_the_time():
    shutdown = Shutdown(grace=25)
    assert not shutdown.under_way
    assert shutdown.remaining(1000) == math.inf


def test_the_first_request_gives_the_grace():
    shutdown = Shutdown(grace=25)
    assert shutdown.ask(1000)
    assert shutdown.under_way
    assert shutdown.asked.is_set()
    assert [shutdown.remaining(now) for now in (1000, 1010, 1025, 2000)] == [25, 15, 0, 0]


def test_the_second_takes_it_away_and_so_does_the_third():
    shutdown = Shutdown(grace=25)
    shutdown.ask(1000)
    assert not shutdown.ask(1001)
    assert shutdown.remaining(1001) == 0
    assert not shutdown.ask(1002)
    assert shutdown.remaining(1001.5) <= 0.5
