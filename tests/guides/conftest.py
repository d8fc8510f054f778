"""Celery's guides, exercised: small projects as users have them, with one worker for a module.

A test module names its project in `PROJECT`, and the options of its worker in `WORKER`. The
project is imported anew, as in a new process, for each server; its application finds the database
in the environment. All tests of a module share the database and the worker, so each of them looks
only at the jobs that it has sent.
"""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from itertools import count
from pathlib import Path
from types import SimpleNamespace

import psycopg
import pytest

from pgqueue.apps import APPS, Apps
from support.poolers import BEATS_OFTEN, is_pooled
from support.waiting import wait_for
from support.workers import PATIENCE, TESTS, Worker

PROJECTS = Path(__file__).parent / "projects"
PATH = os.pathsep.join([str(PROJECTS), str(TESTS), os.environ.get("PYTHONPATH", "")])


@pytest.fixture(scope="module")
def database(databases):
    """The DSN of a database of the module's own, with a table for what tasks do."""
    with databases.migrated() as dsn:
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute("create table journal (number bigserial, key text, text text)")
        yield dsn


@pytest.fixture(scope="module", autouse=True)
def _no_applications():
    """Each module begins as a new process: no application is current, and no task is shared."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in vars(Apps()).items():
            if name != "make":
                patch.setattr(APPS, name, value)
        yield


@pytest.fixture(scope="module")
def project(request, database, _no_applications):
    """Imports modules of the project, as a user's program does: `project("orchard.tasks")`."""
    about = request.module
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PGQUEUE_DSN", database)
        patch.syspath_prepend(PROJECTS)
        yield importlib.import_module
        app = importlib.import_module(getattr(about, "APP", about.PROJECT)).app
        app.close()
    names = {path.stem for path in PROJECTS.iterdir()}
    for name in [name for name in sys.modules if name.partition(".")[0] in names]:
        del sys.modules[name]


@pytest.fixture(scope="module")
def start_worker(request, database, tmp_path_factory):
    """Starts `pgq worker -A PROJECT` with the given options; what runs at the end is killed."""
    started = []
    numbers = count(1)
    folder = tmp_path_factory.mktemp("workers")

    def start(*options, **about):
        log = folder / f"worker-{next(numbers)}.log"
        environment = {"PYTHONPATH": PATH, **about.pop("environment", {})}
        about.setdefault("app", request.module.PROJECT)
        if is_pooled(database):
            about["patches"] = BEATS_OFTEN
        started.append(Worker(database, log, *options, environment=environment, **about))
        return started[-1]

    yield start
    for worker in started:
        worker.destroy()


@pytest.fixture(scope="module")
def worker(request, start_worker):
    """The module's worker, ready."""
    options = getattr(request.module, "WORKER", ("--processes", "1", "-c", "4"))
    return start_worker(*options).ready()


@pytest.fixture
def until():
    """Waits for a fact that a worker brings about: `until(lambda: result.state == "STARTED")`."""
    return lambda fact, what="it": wait_for(fact, what, PATIENCE)


@pytest.fixture
def journal(connection):
    """What tasks wrote under a key, in order: `journal(result.id)`."""
    rows = "select text from journal where key = %s order by number"

    def journal(key):
        return [text for (text,) in connection.execute(rows, [str(key)]).fetchall()]

    return journal


@pytest.fixture
def pgq(request, database, tmp_path):
    """Runs `pgq` in a shell's stead: `pgq("inspect", "active").out`."""

    def pgq(*arguments, app=request.module.PROJECT):
        environment = {"PGQUEUE_DSN": database, "PYTHONPATH": PATH, "COLUMNS": "100"}
        done = subprocess.run(
            [sys.executable, "-m", "pgqueue.cli", "-A", app, *arguments],
            env={**os.environ, **environment},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        return SimpleNamespace(code=done.returncode, out=done.stdout, err=done.stderr)

    return pgq


@pytest.fixture
def lock(connect):
    """Holds an advisory lock that tasks wait for: `held = lock(1)`, later `held.free()`."""

    class Held:
        def __init__(self, key):
            self.key = key
            self._connection = connect()
            self._connection.execute("select pg_advisory_lock(%s)", [key])

        def wanted(self):
            """Whether a run waits for it: it has begun, and is not only claimed."""
            waits = (
                "select from pg_locks where locktype = 'advisory' and objid = %s and not granted"
            )
            return self._connection.execute(waits, [self.key]).fetchone() is not None

        def free(self):
            self._connection.execute("select pg_advisory_unlock(%s)", [self.key])

    return Held
