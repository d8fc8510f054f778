from __future__ import annotations

from concurrent.futures import Future
from contextlib import asynccontextmanager, contextmanager

import pytest

from pgqueue.settings import Settings


class Recorder:
    """A ResultSource that writes down what it is asked, and answers with the rows it was given."""

    schema = "pgqueue"
    always_eager = False

    def __init__(self):
        self.asked = []
        self.rows = {}
        self.future = Future()
        self.conf = Settings(read_places=False)

    def run(self, query, connection=None):
        self.asked.append((query, connection))
        return query.read(self.rows.get(query.name, []))

    async def arun(self, query, connection=None):
        return self.run(query, connection)

    def bound(self, connection=None):
        return connection

    @contextmanager
    def transaction(self):
        yield "a transaction"

    @asynccontextmanager
    async def atransaction(self):
        yield "a transaction"

    def outcome(self, _job):
        return self.future


@pytest.fixture
def recorder():
    return Recorder()
