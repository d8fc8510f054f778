from __future__ import annotations

import os
import sys
import textwrap
from itertools import count

import pytest

from pgqueue import PgQueue
from support.workers import Worker


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """An empty current directory; modules from it are forgotten."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if not name.startswith(("django", "asgiref", "pgqueue", "_pytest")):
            del sys.modules[name]


@pytest.fixture
def write(folder):
    """Writes a file: `write("shop/settings.py", "X = 1")`."""

    def write(name, text):
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(textwrap.dedent(text))

    return write


@pytest.fixture
def app():
    return PgQueue("shop")


@pytest.fixture
def start_worker(database, folder):
    """Starts `pgq worker` on an application in the current directory."""
    started = []
    numbers = count(1)
    path = os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")])

    def start(*options, app, **environment):
        log = folder / f"worker-{next(numbers)}.log"
        environment = {"PYTHONPATH": path, **environment}
        started.append(Worker(database, log, *options, app=app, environment=environment))
        return started[-1]

    yield start
    for worker in started:
        worker.destroy()


@pytest.fixture
def send(database):
    """Enqueues a task by name, by way of an application that knows nothing else."""
    app = PgQueue("eyes", dsn=database, set_as_current=False)
    yield lambda task, *args, **options: app.send_task(task, args, **options)
    app.close()
