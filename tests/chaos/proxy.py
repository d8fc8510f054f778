"""A proxy before PostgreSQL that passes on, goes silent, or swallows an acknowledgement."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import tempfile
import threading
from pathlib import Path
from typing import Self
from urllib.parse import quote

CHUNK = 1 << 16


class Proxy:
    """Listens on a socket of its own in a thread of its own; a context manager.

    While `silent`, it takes what it is sent and passes nothing on; a connection that was open or
    was made meanwhile never speaks again. `swallows` are words by which a client's message is
    known whose answer is to be lost: every second one is executed, and the connection is cut
    instead of the answer passed on.
    """

    def __init__(self, target: str) -> None:
        self._target = target  # the path of the server's socket
        self._folder = Path(tempfile.mkdtemp(prefix="pgqueue-proxy-"))
        self._folder.chmod(0o755)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy")
        self._server: asyncio.Server | None = None
        self.swallows: tuple[bytes, ...] = ()
        self.swallowed = 0
        self._seen = 0
        self._silences = 0
        self._silent = False

    def dsn(self, user: str, dbname: str) -> str:
        return f"postgresql://{user}@/{dbname}?host={quote(str(self._folder))}"

    def silence(self) -> None:
        self._silences += 1
        self._silent = True

    def speak(self) -> None:
        """Serve the connections that are made from now on."""
        self._silent = False

    def __enter__(self) -> Self:
        self._thread.start()
        path = str(self._folder / ".s.PGSQL.5432")
        serving = asyncio.start_unix_server(self._serve, path)
        self._server = asyncio.run_coroutine_threadsafe(serving, self._loop).result()
        Path(path).chmod(0o777)
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        shutil.rmtree(self._folder)

    async def _end(self) -> None:
        self._server.close()
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, reader, writer) -> None:
        try:
            there, back = await asyncio.open_unix_connection(self._target)
        except OSError:
            writer.transport.abort()
            return
        link = Link(self, writer, back)
        ways = [asyncio.create_task(link.up(reader)), asyncio.create_task(link.down(there))]
        try:
            with contextlib.suppress(asyncio.CancelledError):  # at the end of the test
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            for end in (writer, back):
                end.transport.abort()

    def swallow(self, message: bytes) -> bool:
        """Tell whether the answer to a message is to be lost."""
        if not any(word in message for word in self.swallows):
            return False
        self._seen += 1
        self.swallowed += self._seen % 2
        return bool(self._seen % 2)


class Link:
    """One client's connection through the proxy, and when it began."""

    def __init__(self, proxy: Proxy, client, server) -> None:
        self._proxy, self._client, self._server = proxy, client, server
        self._born = -1 if proxy._silent else proxy._silences
        self._cut = False

    def _dead(self) -> bool:
        return self._proxy._silent or self._born != self._proxy._silences

    async def up(self, reader) -> None:
        while data := await reader.read(CHUNK):
            if self._dead():
                continue
            self._cut = self._cut or self._proxy.swallow(data)
            self._server.write(data)
            await self._server.drain()

    async def down(self, reader) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(CHUNK):
                if self._cut:
                    if ready(data):  # it is done, and nobody hears of it
                        return
                elif not self._dead():
                    self._client.write(data)
                    await self._client.drain()


def ready(data: bytes) -> bool:
    """Tell whether the server has said all, and stands outside of a transaction."""
    return data.endswith(b"Z\x00\x00\x00\x05I")
