"""A server that is stopped, started, filled up and promoted, and leaves nothing behind."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import psycopg
from psycopg.pq import PGconn, Ping

from support.servers import Server, _owner
from support.waiting import wait_for

#: The role that workers and producers connect as: one without privileges, as in production.
ROLE = "shop"
START = 60.0
#: Everybody may connect from the private networks that the tests make.
TRUST = "host all all 10.213.0.0/16 trust\n"

# Runs a server at the word of its standard input. Whenever that ends, so does everything.
KEEPER = """
import os, shutil, signal, subprocess, sys
place, data, owner, *command = sys.argv[1:]
user = {} if owner == "-" else dict(user=int(owner), group=os.stat(data).st_gid, extra_groups=[])
signals = {"smart": signal.SIGTERM, "fast": signal.SIGINT, "immediate": signal.SIGQUIT}
server = None
def start():
    with open(place + "/log", "ab") as log:
        return subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, **user)
try:
    for line in sys.stdin:
        word = line.strip()
        if word == "start":
            if server is None or server.poll() is not None:
                server = start()
        elif server is not None and server.poll() is None:
            server.send_signal(signals[word])
            server.wait()
        print("done", flush=True)
finally:
    if server is not None and server.poll() is None:
        server.send_signal(signal.SIGQUIT)
        server.wait()
    for volume in (data, place + "/wal"):
        if os.path.ismount(volume):
            subprocess.call(["umount", volume])
    shutil.rmtree(place)
"""


class Cluster(Server):
    """A server with a switch; `settings` are in its file.

    `disk` is the size in MiB of a volume of its own for the data, without the write-ahead log,
    `wal` that of one for the log, which is then in segments of 1 MiB.
    `origin` is a running cluster that this one is to be a replica of.
    """

    def __init__(
        self,
        binaries,
        *,
        settings: dict[str, object] | None = None,
        disk: int = 0,
        wal: int = 0,
        origin: Cluster | None = None,
    ) -> None:
        super().__init__(binaries)
        self.settings = {"max_connections": 200, "fsync": "off", **(settings or {})}
        self.data, self.wal = self._place / "data", self._place / "wal"
        self.promoted = False
        self._volumes = {self.data: disk, self.wal: wal}
        self._origin = origin

    # ── the switch ──

    def down(self, mode: str) -> None:
        self._tell(mode)

    def up(self) -> None:
        self._tell("start")
        wait_for(self._answers, "a server that answers", START)

    def promote(self) -> None:
        self._as_owner("pg_ctl", "promote", "-D", str(self.data), "-w")
        self.promoted = True

    def set(self, **settings: object) -> None:
        """Set something for all sessions, those that are open too."""
        with self.root() as connection:
            for name, value in settings.items():
                what = "reset {}" if value is None else "set {} = '{}'"
                connection.execute(f"alter system {what.format(name, value)}")
            connection.execute("select pg_reload_conf()")

    def root(self, dbname: str = "postgres", **options: object) -> psycopg.Connection:
        """Connect as the superuser, who may write whatever the defaults say."""
        options = {"options": "-c default_transaction_read_only=off", **options}
        return psycopg.connect(self.dsn(dbname), autocommit=True, **options)

    # ── how it is made ──

    def start(self) -> None:
        self.data.mkdir()
        for volume, size in self._volumes.items():
            if size:
                volume.mkdir(exist_ok=True)
                mount = ["mount", "-t", "tmpfs", "-o", f"size={size}m", "tmpfs", volume]
                subprocess.run(mount, check=True, capture_output=True)
        super().start()

    def _create(self) -> None:
        if owner := _owner():
            for path in (self._place, self.data, self.wal):
                if path.exists():
                    os.chown(path, owner.pw_uid, owner.pw_gid)
        self.data.chmod(0o700)
        if self._origin:
            self._as_owner(
                "pg_basebackup", "-R", "-D", str(self.data), "-d", self._origin.dsn(), "-c", "fast"
            )
            return
        where = ["-D", str(self.data), f"--username={self.user}", "--auth=trust", "--no-sync"]
        if any(self._volumes.values()):
            where += ["--waldir", str(self.wal)]
        if self._volumes[self.wal]:
            where += ["--wal-segsize", "1"]
        self._as_owner("initdb", *where, "--encoding=UTF8", "--locale=C")
        with (self.data / "pg_hba.conf").open("a") as rules:
            rules.write(TRUST)
        # Not on the command line, which nothing could change later.
        with (self.data / "postgresql.conf").open("a") as conf:
            conf.writelines(f"{name} = '{value}'\n" for name, value in self.settings.items())

    def _launch(self) -> None:
        place = {"listen_addresses": "", "unix_socket_directories": self.host, "port": self.port}
        if "listen_addresses" in self.settings:
            del place["listen_addresses"]
        settings = [f"-c{name}={value}" for name, value in place.items()]
        owner = _owner()
        command = [self.binaries.folder / "postgres", "-D", self.data, *settings]
        words = [self._place, self.data, str(owner.pw_uid) if owner else "-", *command]
        self._keeper = subprocess.Popen(
            [sys.executable, "-ISc", KEEPER, *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
            cwd="/",
        )
        self._tell("start")

    def stop(self) -> None:
        super().stop()
        if self._keeper:
            self._keeper.stdout.close()
            return
        for volume in self._volumes:
            if os.path.ismount(volume):
                subprocess.call(["umount", volume])
        shutil.rmtree(self._place, ignore_errors=True)

    def _tell(self, word: str) -> None:
        self._keeper.stdin.write(f"{word}\n".encode())
        self._keeper.stdin.flush()
        self._keeper.stdout.readline()

    def _as_owner(self, program: str, *arguments: str) -> None:
        owner = _owner()
        user = {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []} if owner else {}
        self.run(program, *arguments, cwd=self._place, **user)

    def _answers(self) -> bool:
        if self._keeper.poll() is not None:
            raise RuntimeError(f"the server {self.name} did not start")
        return PGconn.ping(self.dsn().encode()) == Ping.OK


def may_mount() -> bool:
    """Tell whether a volume of a small size can be made."""
    return os.geteuid() == 0 and Path("/usr/bin/mount").exists()
