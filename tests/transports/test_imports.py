"""Whoever enqueues pays for the library of their own connection, and for no other."""

from __future__ import annotations

import subprocess
import sys

import pytest
from kinds import asyncpg_options, url

LIBRARIES = {"asyncpg", "django", "sqlalchemy", "psycopg2", "greenlet"}

PSYCOPG = """
import psycopg
with psycopg.connect({dsn!r}) as conn:
    app.send_task("add", connection=conn)
"""
ASYNCPG = """
import asyncio, asyncpg
async def enqueue():
    conn = await asyncpg.connect(**{options!r})
    await app.asend_task("add", connection=conn)
    await conn.close()
asyncio.run(enqueue())
"""
SQLALCHEMY = """
sys.modules["greenlet"] = None  # as it is without the extra "asyncio"
from sqlalchemy import create_engine
with create_engine({url!r}).begin() as conn:
    app.send_task("add", connection=conn)
"""
PSYCOPG2 = """
import psycopg2
conn = psycopg2.connect({dsn!r})
app.send_task("add", connection=conn)
conn.commit()
conn.close()
"""


@pytest.mark.parametrize(
    ("code", "paid"),
    [
        (PSYCOPG, set()),
        (ASYNCPG, {"asyncpg"}),
        (SQLALCHEMY, {"sqlalchemy", "greenlet"}),
        (PSYCOPG2, {"psycopg2"}),
    ],
    ids=["psycopg", "asyncpg", "sqlalchemy", "psycopg2"],
)
def test_only_the_library_of_the_connection_is_imported(database, queued, code, paid):
    where = {
        "dsn": database,
        "options": asyncpg_options(database),
        "url": url(database, "psycopg").render_as_string(),
    }
    script = (
        "import sys\nfrom pgqueue import PgQueue\napp = PgQueue()\n"
        f"{code.format(**where)}\nprint(*sys.modules)"
    )
    command = [sys.executable, "-W", "error", "-c", script]
    loaded = subprocess.check_output(command, text=True).split()
    assert LIBRARIES & set(loaded) == paid
    assert len(queued()) == 1
