"""The shortest way to the server: prepared statements, one write, one wait, one read.

The worker's few statements run thousands of times on one connection. Spoken straight through
libpq's pipeline mode, a turn costs half of what it costs through cursors: an idle worker's first
job starts so much sooner, and a busy supervisor leaves so much of its core to the children.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from functools import cache
from typing import Any

from psycopg import pq
from psycopg.adapt import Transformer
from psycopg.errors import error_from_result

from pgqueue.arrays import text_array
from pgqueue.database import AsyncConnection
from pgqueue.query import Query
from pgqueue.statements import statement


class Wire:
    """Runs queries on one connection, which nobody else uses meanwhile."""

    def __init__(self, connection: AsyncConnection, schema: str, *, prepare: bool) -> None:
        self._pgconn = connection.pgconn
        self._schema = schema
        #: Whether the session is ours, and so remembers what was prepared in it.
        self._prepare = prepare
        self._prepared: set[str] = set()
        self._transformer = Transformer(connection)

    async def run(self, queries: Sequence[Query[Any]]) -> list[Any]:
        """Run queries in one round trip, and in one transaction if none is open.

        Raises psycopg's error for the first that PostgreSQL refused. An exchange that breaks off
        half-way closes the connection, because nobody could tell whose the next answer is.
        """
        self._pgconn.enter_pipeline_mode()
        try:
            unprepared = self._send(queries)
            answers = await self._answers()
            self._pgconn.exit_pipeline_mode()
        except BaseException:
            self._pgconn.finish()
            raise
        for name, answer in zip(unprepared, answers, strict=False):
            if answer.status == pq.ExecStatus.COMMAND_OK:  # even if what follows it is undone
                self._prepared.add(name)
        for answer in answers:
            if answer.status in _FAILURES:
                raise error_from_result(answer)
        return [
            query.read(self._rows(answer))
            for query, answer in zip(queries, answers[len(unprepared) :], strict=True)
        ]

    def _send(self, queries: Sequence[Query[Any]]) -> list[str]:
        """Send the queries, after what prepares them; return the names of what was prepared."""
        pgconn = self._pgconn
        unprepared = []
        if self._prepare:
            names = dict.fromkeys(query.name for query in queries)
            unprepared = [name for name in names if name not in self._prepared]
            for name in unprepared:
                pgconn.send_prepare(name.encode(), numbered(name, self._schema)[0])
        for query in queries:
            text, parameters = numbered(query.name, self._schema)
            values = [as_text(query.params[each]) for each in parameters]
            if self._prepare:
                pgconn.send_query_prepared(query.name.encode(), values)
            else:
                pgconn.send_query_params(text, values)
        pgconn.pipeline_sync()
        return unprepared

    async def _answers(self) -> list[pq.abc.PGresult]:
        pgconn = self._pgconn
        answers: list[pq.abc.PGresult] = []
        while True:
            await self._ready(unsent=bool(pgconn.flush()))
            pgconn.consume_input()
            while not pgconn.is_busy():
                answer = pgconn.get_result()
                if answer is None:  # the end of one query's answers
                    continue
                if answer.status == pq.ExecStatus.PIPELINE_SYNC:
                    return answers
                answers.append(answer)

    async def _ready(self, *, unsent: bool) -> None:
        """Wait until the socket can be read, or written if something is still to be sent."""
        loop, socket = asyncio.get_running_loop(), self._pgconn.socket
        ready = loop.create_future()

        def note() -> None:
            if not ready.done():
                ready.set_result(None)

        loop.add_reader(socket, note)
        if unsent:
            loop.add_writer(socket, note)
        try:
            await ready
        finally:
            loop.remove_reader(socket)
            if unsent:
                loop.remove_writer(socket)

    def _rows(self, answer: pq.abc.PGresult) -> list[tuple[Any, ...]]:
        if not answer.ntuples:
            return []
        self._transformer.set_pgresult(answer)
        return self._transformer.load_rows(0, answer.ntuples, tuple)


_FAILURES = (pq.ExecStatus.FATAL_ERROR, pq.ExecStatus.BAD_RESPONSE)


@cache
def numbered(name: str, schema: str) -> tuple[bytes, list[str]]:
    """Return a statement's text with parameters as libpq takes them, and their names in order.

    >>> numbered("forget", "pgqueue")[1]
    ['id']
    """
    names: dict[str, str] = {}
    text = re.sub(
        r"%\((\w+)\)s",
        lambda found: names.setdefault(found[1], f"${len(names) + 1}"),
        statement(name, schema),
    )
    return text.replace("%%", "%").encode(), list(names)


def as_text(value: object) -> bytes | None:
    """Return a parameter as PostgreSQL reads it from text.

    >>> as_text(["a", "b c"]), as_text(None), as_text(2.5)
    (b'{"a","b c"}', None, b'2.5')
    """
    if value is None:
        return None
    if isinstance(value, list):
        return text_array(value).encode()
    return str(value).encode()
