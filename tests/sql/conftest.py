"""Statements alone: the clock stands still, and several connections are stepped by the test."""

from __future__ import annotations

import pytest

from support.jobs import Jobs, Step


@pytest.fixture
def jobs(connection, clock):
    """Operations on `connection`, at a time that the test sets."""
    del clock
    return Jobs(connection)


@pytest.fixture
def other(connect, clock):
    """Operations on a second connection."""
    del clock
    return Jobs(connect())


@pytest.fixture
def worker(jobs):
    """The id of a worker whose lease outlasts every test."""
    return jobs.register(lease=1e9)


@pytest.fixture
def step(connect):
    """Begins something in a thread: `step(jobs, act).blocked()`, later `.result()`."""
    observer = connect()
    begun = []

    def step(jobs, act):
        begun.append(Step(jobs, observer, act))
        return begun[-1]

    yield step
    for each in begun:  # a connection must not be closed while a thread uses it
        each.wait()
