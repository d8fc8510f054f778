"""`/livez` and `/readyz`: whether this worker goes round, and whether it would run a job now.

Served from a thread with a loop of its own, so that a supervisor whose loop hangs is reported and
not merely silent. The answers name states and nothing else: no host, no job, no error's text.
"""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Callable
from http import HTTPStatus
from typing import NamedTuple

from pgqueue.errors import ConfigurationError

#: How long a client may take over its request, in seconds, and how many bytes.
PATIENCE, ROOM = 5.0, 8192
#: The oldest connection makes room for one more: who dawdles keeps no probe out.
MOST = 32


class Report(NamedTuple):
    """What a page says: the state of each thing that was looked at, and whether all are well."""

    well: bool
    states: dict[str, str]


Page = Callable[[], Report]


class HealthServer:
    """Answers GET and HEAD for pages of a path each, on a port of its own; port 0 picks one."""

    def __init__(self, host: str, port: int, pages: dict[str, Page]) -> None:
        self.pages = pages
        self._socket = _listening(host, port)
        self.port: int = self._socket.getsockname()[1]
        self._loop = asyncio.new_event_loop()
        self._closing = asyncio.Event()
        self._open: dict[_Connection, None] = {}  # in the order in which they came
        self._thread = threading.Thread(target=self._serve, name="pgqueue-health", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop answering."""
        self._loop.call_soon_threadsafe(self._closing.set)
        self._thread.join()

    def admit(self, connection: _Connection) -> None:
        """Count a connection in; the oldest leaves if there are too many."""
        self._open[connection] = None
        if len(self._open) > MOST:
            next(iter(self._open)).leave()

    def forget(self, connection: _Connection) -> None:
        """Count a connection out."""
        self._open.pop(connection, None)

    def _serve(self) -> None:
        self._loop.run_until_complete(self._answer())
        self._loop.close()

    async def _answer(self) -> None:
        server = await self._loop.create_server(lambda: _Connection(self), sock=self._socket)
        await self._closing.wait()
        server.close()
        for connection in list(self._open):
            connection.leave()
        await asyncio.sleep(0)  # for the transports to let go of their sockets


class _Connection(asyncio.Protocol):
    """One request and its answer."""

    def __init__(self, server: HealthServer) -> None:
        self._server = server
        self._head = b""
        self._transport: asyncio.Transport | None = None
        self._patience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to wait for the request."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._patience = asyncio.get_running_loop().call_later(PATIENCE, self.leave)
        self._server.admit(self)

    def data_received(self, data: bytes) -> None:
        """Answer once the head is complete, or too long to be meant well."""
        if self._transport is None or self._transport.is_closing():
            return
        self._head += data
        if b"\n\r\n" in self._head or b"\n\n" in self._head or len(self._head) > ROOM:
            self._transport.write(answer(self._head, self._server.pages))
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Leave no trace."""
        del exc
        if self._patience:
            self._patience.cancel()
        self._server.forget(self)

    def leave(self) -> None:
        """Hang up at once."""
        self._server.forget(self)
        if self._transport:
            self._transport.abort()


def answer(head: bytes, pages: dict[str, Page]) -> bytes:
    r"""Return the whole response to a request's head.

    >>> pages = {"/livez": lambda: Report(True, {"pump": "ticking"})}
    >>> print(answer(b"GET /livez HTTP/1.1\r\n\r\n", pages).decode().splitlines()[0])
    HTTP/1.1 200 OK
    >>> print(answer(b"GET /jobs HTTP/1.1\r\n\r\n", pages).decode().splitlines()[0])
    HTTP/1.1 404 Not Found
    """
    words = head.split(b"\n", 1)[0].split()
    if len(head) > ROOM:
        return _response(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
    if len(words) != 3 or not words[2].startswith(b"HTTP/1."):  # noqa: PLR2004 (method, path, version)
        return _response(HTTPStatus.BAD_REQUEST)
    method, path = words[0], words[1].split(b"?")[0].decode("latin-1")
    if path not in pages:
        return _response(HTTPStatus.NOT_FOUND)
    if method not in (b"GET", b"HEAD"):
        return _response(HTTPStatus.METHOD_NOT_ALLOWED, "Allow: GET, HEAD\r\n")
    report = pages[path]()
    status = HTTPStatus.OK if report.well else HTTPStatus.SERVICE_UNAVAILABLE
    body = json.dumps({"status": "ok" if report.well else "failing", **report.states})
    return _response(status, body=body + "\n", silent=method == b"HEAD")


def _response(status: HTTPStatus, more: str = "", body: str = "", *, silent: bool = False) -> bytes:
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\nCache-Control: no-store\r\nConnection: close\r\n{more}\r\n"
    )
    return (head + ("" if silent else body)).encode()


def _listening(host: str, port: int) -> socket.socket:
    try:
        (family, *_, address), *_ = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        return socket.create_server(address[:2], family=family, backlog=128)
    except (OSError, UnicodeError) as error:
        why = (error.strerror if isinstance(error, OSError) else None) or error
        raise ConfigurationError(
            f"--health-port {port}: nothing can listen there on {host}: {why}; give another port, "
            "or another --health-host"
        ) from error
