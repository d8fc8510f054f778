"""PgBouncer in front of a test server, as Debian sets it up, but for what makes its faults rarer.

It lends another of its sessions to each transaction in turn (`server_round_robin`): what leaks from
one client to the next, or is lost on the way, does so at once and not only under load.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
import tempfile
from pathlib import Path
from urllib.parse import quote

from psycopg.conninfo import conninfo_to_dict
from psycopg.pq import PGconn, Ping

from support.servers import Binaries, Server, home, keep, own
from support.waiting import wait_for

#: Debian's folder is not on everybody's path.
PLACES = ("pgbouncer", "/usr/sbin/pgbouncer")
PORT = 6432

#: Behind a pooler nobody is woken: what a worker was told it reads with its next heartbeat, which
#: here is sooner than tests lose patience on a busy machine.
BEATS_OFTEN = {"liveness HEARTBEAT": 0.2}

CONFIGURATION = """\
[databases]
* = host={host} port={port}

[pgbouncer]
pool_mode = {mode}
listen_port = {own_port}
unix_socket_dir = {place}
auth_type = trust
auth_file = {place}/users
auth_user = {user}
admin_users = {user}
default_pool_size = 60
max_client_conn = 1000
server_round_robin = 1
server_login_retry = 1
"""


def pgbouncer() -> str | None:
    """The program, if it is installed."""
    return next((found for place in PLACES if (found := shutil.which(place))), None)


def is_pooled(dsn: str) -> bool:
    """Tell whether a DSN leads to a pooler of these tests."""
    return conninfo_to_dict(dsn).get("port") == str(PORT)


def psycopg_options(dsn: str) -> dict[str, object]:
    """What an application has to tell psycopg behind a pooler: docs/operations.md."""
    return {"prepare_threshold": None} if is_pooled(dsn) else {}


def asyncpg_options(dsn: str) -> dict[str, object]:
    """The same for asyncpg."""
    return {"statement_cache_size": 0} if is_pooled(dsn) else {}


class Pooler:
    """A running PgBouncer; `mode` is "transaction" or "session"."""

    def __init__(self, server: Server, mode: str = "transaction") -> None:
        self._server = server
        self._place = Path(tempfile.mkdtemp(prefix="pgqueue-tests-pooler-", dir=home()))
        self._settings = CONFIGURATION.format(
            host=server.host,
            port=server.port,
            own_port=PORT,
            user=server.user,
            place=self._place,
            mode=mode,
        )
        self._keeper: subprocess.Popen[bytes] | None = None

    def dsn(self, dbname: str) -> str:
        return (
            f"postgresql://{self._server.user}@/{dbname}?host={quote(str(self._place))}&port={PORT}"
        )

    def start(self) -> None:
        own(self._place)
        (self._place / "users").write_text(f'"{self._server.user}" ""\n')
        (self._place / "settings").write_text(self._settings)
        command = [pgbouncer(), "-q", self._place / "settings"]
        # SIGINT would have it wait for its clients.
        self._keeper = keep(self._place, command, farewell=signal.SIGTERM)
        try:
            wait_for(self._answers, "a pooler that answers", seconds=30)
        except BaseException as error:
            error.add_note((self._place / "log").read_text(errors="replace"))
            self.stop()
            raise

    def stop(self) -> None:
        if self._keeper is None:
            shutil.rmtree(self._place, ignore_errors=True)
            return
        self._keeper.stdin.close()
        self._keeper.wait()

    def _answers(self) -> bool:
        return PGconn.ping(self.dsn("postgres").encode()) == Ping.OK


class PooledServer(Server):
    """A server that applications reach through a PgBouncer in transaction mode only."""

    def __init__(self, binaries: Binaries) -> None:
        super().__init__(binaries)
        self.name = "pgbouncer"
        self._pooler = Pooler(self)

    def dsn(self, dbname: str = "postgres") -> str:
        return self._pooler.dsn(dbname)

    def start(self) -> None:
        super().start()
        self._pooler.start()

    def stop(self) -> None:
        self._pooler.stop()
        super().stop()
