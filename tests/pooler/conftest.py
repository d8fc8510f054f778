"""PgBouncer 1.18 or newer in front of the test server, in the mode that a test names."""

from __future__ import annotations

from itertools import count

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from pgqueue import PgQueue
from support.jobs import Jobs
from support.poolers import Pooler, pgbouncer
from support.workers import Worker


@pytest.fixture(scope="session")
def poolers(server):
    """Starts poolers, one a mode: `poolers("session")`."""
    if pgbouncer() is None:
        pytest.skip("pgbouncer is not installed (Debian, Ubuntu: apt install pgbouncer)")
    started = {}

    def start(mode):
        if mode not in started:
            started[mode] = Pooler(server, mode)
            started[mode].start()
        return started[mode]

    yield start
    for pooler in started.values():
        pooler.stop()


@pytest.fixture
def mode():
    return "transaction"


@pytest.fixture
def pooled(poolers, mode, database):
    """The DSN of `database` through a pooler."""
    return poolers(mode).dsn(conninfo_to_dict(database)["dbname"])


@pytest.fixture
def app(pooled):
    app = PgQueue("pooled", dsn=pooled)
    yield app
    app.close()


@pytest.fixture
def jobs(connection):
    return Jobs(connection)


@pytest.fixture
def start_worker(pooled, tmp_path):
    """Starts `pgq worker` behind the pooler; whatever runs at the end is killed."""
    started = []
    numbers = count(1)

    def start(*options, **about):
        log = tmp_path / f"worker-{next(numbers)}.log"
        started.append(Worker(pooled, log, "--processes", "1", "-c", "4", *options, **about))
        return started[-1].ready()

    yield start
    for worker in started:
        worker.destroy()


@pytest.fixture
def left_behind(pooled, connection):
    """What the next client of the pooler finds in its sessions that it did not put there."""
    questions = {
        # But for those that PgBouncer sets anew for each client.
        "settings": "select name from pg_settings where source = 'session' and name not in "
        "('DateStyle', 'TimeZone', 'client_encoding', 'standard_conforming_strings', "
        "'application_name')",
        "statements": "select name from pg_prepared_statements",
        "channels": "select pg_listening_channels()",
        "locks": "select objid::text from pg_locks "
        "where locktype = 'advisory' and pid = pg_backend_pid()",
    }

    def look():
        count = (
            "select count(*) from pg_stat_activity "
            "where datname = current_database() and pid <> pg_backend_pid()"
        )
        sessions = connection.execute(count).fetchone()[0]
        # So many open transactions at once have every session between them.
        clients = [psycopg.connect(pooled, prepare_threshold=None) for _ in range(sessions)]
        try:
            pids = {client.execute("select pg_backend_pid()").fetchone()[0] for client in clients}
            assert len(pids) == sessions > 0
            found = [
                (what, name)
                for client in clients
                for what, question in questions.items()
                for (name,) in client.execute(question)
            ]
        finally:
            for client in clients:
                client.rollback()  # else PgBouncer ends the session
                client.close()
        return sorted(set(found))

    return look
