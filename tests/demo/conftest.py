"""The demo is run as a person runs it: as a process, on a folder of real files."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from support.waiting import wait_for

PATIENCE = 60.0


class Demo:
    """A `pgq demo` under way."""

    def __init__(self, *arguments: str, **environment: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "pgqueue.cli", "demo", *arguments],
            env={**os.environ, "COLUMNS": "100", **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def ended(self) -> tuple[int, str, str]:
        """Wait for the end; return the exit code, and what it printed."""
        out, err = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, out, err


@pytest.fixture
def start_demo(database):
    """Starts `pgq demo` on `database`; what still runs after the test is ended."""
    started = []

    def start(*arguments):
        started.append(Demo(*map(str, arguments), PGQUEUE_DSN=database))
        return started[-1]

    yield start
    for demo in started:
        if demo.process.poll() is None:
            demo.process.send_signal(signal.SIGINT)
        demo.process.communicate(timeout=PATIENCE)


@pytest.fixture
def demo(start_demo):
    """Runs `pgq demo` on `database` to its end: (exit code, stdout, stderr)."""
    return lambda *arguments: start_demo(*arguments).ended()


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """A folder with good files, and with some that are none; the third is rolled back."""
    folder = tmp_path_factory.mktemp("source files")
    for name, source in {
        "a.py": b"import os, sys\n\n\ndef f():\n    pass\n",
        "b/c.py": b"from os.path import join\n\n\nclass C:\n    async def m(self): ...\n",
        "c.py": b"import os\n",
        "empty.py": b"",
        "latin.py": b"name = 'Andr\xe9'\n",
        "latin_declared.py": b"# coding: latin-1\nname = 'Andr\xe9'\n",
        "new\nline and space.py": b"import os\n",
        "nul.py": b"a = '\0'\n",
        "syntax.py": b"def f(:\n",
        "b/__pycache__/x.py": b"",
        ".venv/x.py": b"",
        "readme.txt": b"",
    }.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(source)
    return folder


@pytest.fixture(scope="session")
def runs(databases, folder):
    """Two runs on one database, one after the other: its DSN, and (code, stdout, stderr) each."""
    with databases.migrated() as dsn:
        yield dsn, [Demo(str(folder), PGQUEUE_DSN=dsn).ended() for _ in range(2)]


@pytest.fixture
def out(runs):
    """What the first run printed."""
    _, [(_, out, _), _] = runs
    return out


@pytest.fixture
def ask(runs):
    """Asks the database of `runs`: rows."""
    with psycopg.connect(runs[0], autocommit=True) as connection:
        yield lambda text: connection.execute(text).fetchall()


@pytest.fixture(scope="session")
def many(tmp_path_factory):
    """A folder whose analysis takes a while."""
    folder = tmp_path_factory.mktemp("many")
    for number in range(2000):
        (folder / f"m{number:04}.py").write_text("import os\n" + "x = [1]\n" * 200)
    return folder


@pytest.fixture
def worker_pid(connection):
    """Waits until the demo's worker has finished a job, and returns its process id."""

    def find():
        found = connection.execute(
            "select w.pid from pgqueue.jobs j join pgqueue.workers w on w.id = j.worker_id"
            " where j.state = 'succeeded' limit 1"
        ).fetchone()
        return found and found[0]

    return lambda: wait_for(find, "a job that succeeded", PATIENCE)


@pytest.fixture
def gone():
    """Tells whether a process is gone."""

    def gone(pid):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return True
        return state == "Z"

    return gone
