"""Fixtures of the tests of what applications do: a task, and what others can see of its jobs."""

from __future__ import annotations

import pytest

from support.jobs import Jobs


@pytest.fixture
def note(app):
    """A task that takes anything."""

    @app.task(name="note")
    def note(*args, **kwargs):
        raise NotImplementedError

    return note


@pytest.fixture
def seen(connection):
    """The first arguments of the jobs that others can see, in the order of their ids."""
    query = "select args -> 0 from pgqueue.jobs order by id"
    return lambda: [first for (first,) in connection.execute(query)]


@pytest.fixture
def jobs(connection):
    return Jobs(connection)


@pytest.fixture
def worker(jobs):
    """The id of a worker whose lease outlasts every test."""
    return jobs.register(lease=1e9)
