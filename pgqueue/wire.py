"""The shortest way to the server: prepared statements, one write, one wait, one read.

The statements of `sql/` run thousands of times on connections of our own. Spoken straight through
libpq's pipeline mode, each costs a third of what it costs through a cursor: an enqueue, an idle
worker's first job and a busy worker's every batch are spared the rest.
"""

from __future__ import annotations

import asyncio
import select
from collections.abc import Generator, Sequence
from functools import cache
from typing import Any, NamedTuple, TypeVar, cast

import psycopg
from psycopg import pq
from psycopg.adapt import Transformer
from psycopg.errors import error_from_result

from pgqueue.query import Query
from pgqueue.statements import statement
from pgqueue.transports import texts

T = TypeVar("T")

#: Yields whether something is still to be sent, whenever it has to wait for the socket.
Exchange = Generator[bool, None, list[Any]]


class Wire:
    """Runs queries on one connection of our own, which nobody else uses meanwhile.

    An exchange that breaks off half-way closes the connection, because nobody could tell whose the
    next answer is. What PostgreSQL refuses raises psycopg's error. `patience` is how many seconds
    `run` waits for a server that says nothing; None: for ever.
    """

    def __init__(
        self,
        connection: psycopg.Connection[Any] | psycopg.AsyncConnection[Any],
        schema: str,
        patience: float | None = None,
    ) -> None:
        self._pgconn = connection.pgconn
        self._schema = schema
        #: Whether the session is ours, and so remembers what was prepared in it.
        self._prepares = connection.prepare_threshold is not None
        self._prepared: set[str] = set()
        self._transformer = Transformer(connection)
        self._poll = select.poll()
        self._patience = patience

    def run(self, query: Query[T]) -> T:
        """Run a query in one round trip."""
        exchange = self._exchange([query])
        socket, poll, patience = self._pgconn.socket, self._poll, self._patience
        milliseconds = None if patience is None else patience * 1000
        try:
            while True:
                poll.register(socket, _SENDING if next(exchange) else select.POLLIN)
                if not poll.poll(milliseconds):
                    raise psycopg.OperationalError(
                        f"{query.name}: the server has said nothing for {patience:g} s"
                    )
        except StopIteration as end:
            return cast(T, end.value[0])
        finally:
            exchange.close()

    async def arun(self, queries: Sequence[Query[Any]]) -> list[Any]:
        """Run queries in one round trip, and in one transaction if none is open."""
        exchange = self._exchange(queries)
        try:
            while True:
                await _ready(self._pgconn.socket, sending=next(exchange))
        except StopIteration as end:
            return cast(list[Any], end.value)
        finally:
            exchange.close()

    def _exchange(self, queries: Sequence[Query[Any]]) -> Exchange:
        self._pgconn.enter_pipeline_mode()
        try:
            unprepared = self._send(queries)
            answers = yield from self._answers()
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
        unprepared: list[str] = []
        for query in queries:
            name = query.name
            if self._prepares and name not in self._prepared and name not in unprepared:
                unprepared.append(name)
        for name in unprepared:
            form = _numbered(name, self._schema)
            pgconn.send_prepare(form.name, form.text)
        for query in queries:
            form, params = _numbered(query.name, self._schema), query.params
            values = [
                value.encode() if type(value := params[each]) is str else _bytes(value)
                for each in form.parameters
            ]
            if self._prepares:
                pgconn.send_query_prepared(form.name, values)
            else:
                pgconn.send_query_params(form.text, values)
        pgconn.pipeline_sync()
        return unprepared

    def _answers(self) -> Generator[bool, None, list[pq.abc.PGresult]]:
        pgconn = self._pgconn
        answers: list[pq.abc.PGresult] = []
        while True:
            yield bool(pgconn.flush())
            pgconn.consume_input()
            while not pgconn.is_busy():
                answer = pgconn.get_result()
                if answer is None:  # the end of one query's answers
                    continue
                if answer.status == pq.ExecStatus.PIPELINE_SYNC:
                    return answers
                answers.append(answer)

    def _rows(self, answer: pq.abc.PGresult) -> list[tuple[Any, ...]]:
        if not answer.ntuples:
            return []
        self._transformer.set_pgresult(answer)
        return self._transformer.load_rows(0, answer.ntuples, tuple)


_FAILURES = (pq.ExecStatus.FATAL_ERROR, pq.ExecStatus.BAD_RESPONSE)
_SENDING = select.POLLIN | select.POLLOUT


async def _ready(socket: int, *, sending: bool) -> None:
    """Wait until a socket can be read, or written if there is something to be sent."""
    loop = asyncio.get_running_loop()
    ready = loop.create_future()

    def note() -> None:
        if not ready.done():
            ready.set_result(None)

    loop.add_reader(socket, note)
    if sending:
        loop.add_writer(socket, note)
    try:
        await ready
    finally:
        loop.remove_reader(socket)
        if sending:
            loop.remove_writer(socket)


class _Numbered(NamedTuple):
    name: bytes
    text: bytes
    parameters: tuple[str, ...]


@cache
def _numbered(name: str, schema: str) -> _Numbered:
    # Without a cast to text before our own: the server knows a parameter's type by that.
    text, parameters = texts.renumbered(statement(name, schema), cast="")
    return _Numbered(f"pgqueue_{name}".encode(), text.encode(), parameters)


def _bytes(value: object) -> bytes | None:
    if value is None:
        return None
    text = texts.text(value)
    return None if text is None else text.encode()
