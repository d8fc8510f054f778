"""The shortest way to the server: prepared statements, one write, one wait, one read.

The statements of `sql/` run thousands of times on connections of our own. Spoken straight through
libpq's pipeline mode, each costs a third of what it costs through a cursor: an enqueue, an idle
worker's first job and a busy worker's every batch are spared the rest.
"""

from __future__ import annotations

import asyncio
import select
from collections.abc import Callable, Generator, Sequence
from functools import cache
from typing import Any, NamedTuple, TypeVar, cast
from uuid import UUID

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
        if self._prepares and query.name not in self._prepared:
            return self._run_unprepared(query)
        try:
            self._ask(query)
            answer = self._answer(query)
        except BaseException:
            self._pgconn.finish()
            raise
        return cast(T, self._read([query], [answer])[0])

    def _answer(self, query: Query[Any]) -> pq.abc.PGresult:
        """Wait for the answer to the only query that was sent; a pipeline would cost more."""
        pgconn = self._pgconn
        answer: pq.abc.PGresult | None = None
        while True:
            self._wait(query, sending=bool(pgconn.flush()))
            pgconn.consume_input()
            while not pgconn.is_busy():
                last, answer = answer, pgconn.get_result()
                if answer is None and last is not None:
                    return _unless_over(last)

    def _run_unprepared(self, query: Query[T]) -> T:
        exchange = self._exchange([query])
        try:
            while True:
                self._wait(query, sending=next(exchange))
        except StopIteration as end:
            return cast(T, end.value[0])
        finally:
            exchange.close()

    def _wait(self, query: Query[Any], *, sending: bool) -> None:
        self._poll.register(self._pgconn.socket, _SENDING if sending else select.POLLIN)
        if not self._poll.poll(self._patience and self._patience * 1000):
            raise psycopg.OperationalError(
                f"{query.name}: the server has said nothing for {self._patience:g} s"
            )

    async def arun(self, queries: Sequence[Query[Any]]) -> list[Any]:
        """Run queries in one round trip, and in one transaction if none is open."""
        exchange = self._exchange(queries)
        try:
            while True:
                sending = next(exchange)
                # A long answer comes in pieces; to be woken for each costs more than to read it.
                if sending or not self._has_come():
                    await _ready(self._pgconn.socket, sending=sending)
        except StopIteration as end:
            return cast(list[Any], end.value)
        finally:
            exchange.close()

    def _has_come(self) -> bool:
        """Return whether something can be read at once."""
        self._poll.register(self._pgconn.socket, select.POLLIN)
        return bool(self._poll.poll(0))

    def _exchange(self, queries: Sequence[Query[Any]]) -> Exchange:
        self._pgconn.enter_pipeline_mode()
        try:
            unprepared = self._prepare(queries)
            for query in queries:
                self._ask(query)
            self._pgconn.pipeline_sync()
            answers = yield from self._answers()
            self._pgconn.exit_pipeline_mode()
        except BaseException:
            self._pgconn.finish()
            raise
        for name, answer in zip(unprepared, answers, strict=False):
            if answer.status == pq.ExecStatus.COMMAND_OK:  # even if what follows it is undone
                self._prepared.add(name)
        return self._read(queries, answers, len(unprepared))

    def _prepare(self, queries: Sequence[Query[Any]]) -> list[str]:
        """Send what prepares those queries that were not yet; return their names."""
        unprepared: list[str] = []
        for query in queries:
            name = query.name
            if self._prepares and name not in self._prepared and name not in unprepared:
                unprepared.append(name)
        for name in unprepared:
            form = _numbered(name, self._schema)
            self._pgconn.send_prepare(form.name, form.text)
        return unprepared

    def _ask(self, query: Query[Any]) -> None:
        form, params = _numbered(query.name, self._schema), query.params
        values = [
            None if (value := params[each]) is None else _TEXTS.get(type(value), _bytes)(value)
            for each in form.parameters
        ]
        if self._prepares:
            self._pgconn.send_query_prepared(form.name, values)
        else:
            self._pgconn.send_query_params(form.text, values)

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

    def _read(
        self, queries: Sequence[Query[Any]], answers: Sequence[pq.abc.PGresult], before: int = 0
    ) -> list[Any]:
        """Return what the queries ask for; the first `before` answers are to none of them."""
        for answer in answers:
            if answer.status in _FAILURES:
                raise error_from_result(answer)
        return [
            query.read(self._rows(answer))
            for query, answer in zip(queries, answers[before:], strict=True)
        ]

    def _rows(self, answer: pq.abc.PGresult) -> list[tuple[Any, ...]]:
        if not answer.ntuples:
            return []
        self._transformer.set_pgresult(answer)
        return self._transformer.load_rows(0, answer.ntuples, tuple)


_FAILURES = (pq.ExecStatus.FATAL_ERROR, pq.ExecStatus.BAD_RESPONSE)
_SENDING = select.POLLIN | select.POLLOUT
_SEVERITY = pq.DiagnosticField.SEVERITY_NONLOCALIZED


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


def _bytes(value: object) -> bytes:
    text = texts.text(value)
    assert text is not None
    return text.encode()


#: Of what most parameters are, the short way.
_TEXTS: dict[type, Callable[[Any], bytes]] = {
    str: str.encode,
    bool: {True: b"true", False: b"false"}.__getitem__,
    int: lambda value: b"%d" % value,
    UUID: lambda value: value.hex.encode(),  # as good as with hyphens, and sooner made
}


def _unless_over(answer: pq.abc.PGresult) -> pq.abc.PGresult:
    """Return the answer, unless it is the last of its session, or was made up for want of one."""
    if answer.status in _FAILURES and answer.error_field(_SEVERITY) != b"ERROR":
        error = error_from_result(answer)
        raise error if error.sqlstate else psycopg.OperationalError(str(error))
    return answer
