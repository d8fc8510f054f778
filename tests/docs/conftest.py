"""Pages and examples are played against real servers, each in a folder and database of its own."""

from __future__ import annotations

import psycopg
import pytest
from playing import Play

from support.jobs import Jobs

ROLES = "select rolname::text from pg_roles"


@pytest.fixture
def clean_roles(server):
    """Drops the roles that a page has made, after its database: roles belong to the server."""
    with psycopg.connect(server.dsn(), autocommit=True) as connection:
        before = {name for (name,) in connection.execute(ROLES)}
        yield
        for name in {name for (name,) in connection.execute(ROLES)} - before:
            connection.execute(f'drop role "{name}"')


@pytest.fixture
def place(clean_roles, tmp_path, monkeypatch):
    """Called with a DSN, makes it the environment's, in an empty working directory."""
    del clean_roles

    def place(dsn):
        monkeypatch.setenv("PGQUEUE_DSN", dsn)
        monkeypatch.chdir(tmp_path)
        monkeypatch.syspath_prepend(tmp_path)
        return tmp_path

    return place


@pytest.fixture
def play(place):
    """Begins a page: `play(dsn).run(block)`."""
    under_way = []

    def play(dsn):
        under_way.append(Play(place(dsn), dsn))
        return under_way[-1]

    yield play
    for each in under_way:
        each.end()


@pytest.fixture
def jobs(connection):
    """Operations on `connection`, as a worker does them."""
    return Jobs(connection)
