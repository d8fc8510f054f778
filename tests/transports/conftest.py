"""Fixtures of the tests of the transports: a task, what others can see of it, and the kinds."""

from __future__ import annotations

import pytest


@pytest.fixture
def add(app):
    @app.task(name="add")
    def add(*terms, **more):
        raise NotImplementedError

    return add


@pytest.fixture
def queued(connection):
    """The ids of the jobs that others can see, in the order of their enqueueing."""
    query = "select id::text from pgqueue.jobs order by id"
    return lambda: [job for (job,) in connection.execute(query)]


@pytest.fixture
def open_kind():
    """Opens a kind of connection to a database, closed after the test."""
    opened = []

    def open_kind(kind, dsn):
        opened.append(kind(dsn))
        return opened[-1]

    yield open_kind
    for kind in opened:
        kind.close()
