"""`pgq bench` as a person runs it, at a tiny size; and its parts on a schema of their own."""

from __future__ import annotations

import json

import psycopg
import pytest
from running import PATIENCE, TINY, Bench

from pgqueue.bench import scratch as scratches

SCHEMAS = "select nspname::text from pg_namespace where nspname like 'pgqueue%'"


@pytest.fixture
def start_bench(database):
    """Starts `pgq bench` on `database`; nothing of it is left after the test."""
    started = []

    def start(*arguments):
        started.append(Bench(database, *map(str, arguments)))
        return started[-1]

    yield start
    for bench in started:
        bench.process.terminate()
        bench.process.communicate(timeout=PATIENCE)


@pytest.fixture(scope="session")
def whole(databases):
    """A run of everything: its JSON, and which of our schemas there are afterwards."""
    with databases.migrated() as dsn:
        code, out, err = Bench(dsn, "--json", *TINY).ended()
        assert code == 0, err
        with psycopg.connect(dsn) as connection:
            schemas = {name for (name,) in connection.execute(SCHEMAS)}
        return json.loads(out), schemas


@pytest.fixture
def schemas(connection):
    """Asks which of our schemas there are."""
    return lambda: {name for (name,) in connection.execute(SCHEMAS)}


@pytest.fixture
def scratch(database):
    """A `Scratch` on `database`."""
    with scratches.scratch(database) as scratch:
        yield scratch
