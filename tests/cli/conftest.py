"""`pgq` as a person types it: in this process, in an empty folder, on the test's database."""

from __future__ import annotations

import json
import sys

import pytest
from click.testing import CliRunner

from pgqueue.cli.root import cli
from support.jobs import Jobs

SHOP = """
from pgqueue import PgQueue

app = PgQueue("shop")

@app.task(name="add", queue="sums", priority=3)
def add(a: int, b: int) -> int:
    return a + b

@app.task(name="fail", max_retries=0)
def fail():
    raise ValueError("no luck")
"""


class Said:
    """What a command printed, and how it ended."""

    def __init__(self, result) -> None:
        self.code = result.exit_code
        self.out = result.stdout
        self.err = result.stderr
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception

    @property
    def json(self):
        return json.loads(self.out)

    @property
    def lines(self):
        return self.out.splitlines()


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty folder to be in."""
    path, modules = list(sys.path), set(sys.modules)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    yield tmp_path
    sys.path[:] = path
    for name in ("shop", "broken"):
        if name not in modules:
            sys.modules.pop(name, None)


@pytest.fixture
def pgq_without_database(here):
    """Runs `pgq`: `pgq("jobs", "list")`; `typed` is what the person answers."""
    del here

    def pgq(*arguments, typed=None, **environment):
        return Said(
            CliRunner().invoke(cli, arguments, input=typed, env=environment, prog_name="pgq")
        )

    return pgq


@pytest.fixture
def pgq(pgq_without_database, database, monkeypatch):
    """Runs `pgq` with PGQUEUE_DSN set."""
    monkeypatch.setenv("PGQUEUE_DSN", database)
    return pgq_without_database


@pytest.fixture
def jobs(connection):
    return Jobs(connection)


@pytest.fixture
def shop(here):
    """A module `shop` with an application."""
    (here / "shop.py").write_text(SHOP)


@pytest.fixture
def unknown():
    """The id of a job that nobody has."""
    return "0198c0de-0000-7000-8000-000000000001"
