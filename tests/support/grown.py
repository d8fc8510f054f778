"""A live jobs' table whose files are much larger than what is in them."""

from __future__ import annotations

import psycopg

#: Less than the files of a grown table have, and what is large for its tests.
MEGABYTE = 1 << 20
GROW = """
    alter table pgqueue.jobs_live set (autovacuum_enabled = off);
    insert into pgqueue.jobs_live (id, task, run_at, created_at)
    select pgqueue.uuid7(), 'add', now(), now() from generate_series(1, 4000);
    delete from pgqueue.jobs_live
"""
SIZE = "select pg_total_relation_size('pgqueue.jobs_live')"


def grow(connection: psycopg.Connection) -> None:
    """Have many rows die, and vacuum remove them; fewer than speak against a compaction."""
    connection.execute(GROW)
    connection.execute("vacuum pgqueue.jobs_live")
    assert size(connection) > MEGABYTE


def size(connection: psycopg.Connection) -> int:
    return connection.execute(SIZE).fetchone()[0]
