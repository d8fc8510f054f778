"""An application's time-out: a connection that does not answer is taken for dead.

Neither keepalives nor `tcp_user_timeout` notice a proxy that takes what it is sent and passes
nothing on. Cancelling whoever waits would not do either: psycopg would first ask the server to
cancel, and wait for that.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager

from pgqueue.database import AsyncConnection


@contextmanager
def answered_within(seconds: float, connection: AsyncConnection) -> Iterator[None]:
    """Hang up if a block that waits for answers has not ended after so many seconds.

    Whoever waits in it sees the end of the connection, which raises what a server's death raises.
    """
    alarm = asyncio.get_running_loop().call_later(seconds, hang_up, connection)
    try:
        yield
    finally:
        alarm.cancel()


def hang_up(connection: AsyncConnection) -> None:
    """End a connection's socket in both directions, and leave the rest to its user."""
    if not connection.closed:
        with socket.socket(fileno=os.dup(connection.fileno())) as ours:
            ours.shutdown(socket.SHUT_RDWR)
