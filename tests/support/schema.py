"""What a schema consists of, as text that two databases, and two days, can be compared by."""

from __future__ import annotations

import re

from support.servers import Server

HEADER = """\
-- The schema that sql/migrations/ and sql/functions/ come to, for reading: as PostgreSQL 18 dumps
-- it, without the days of history and without comments. Generated, never executed:
--     pytest --server pg18 --update-schema tests/sql/test_migrations.py

"""
#: Settings of the dump's own session, psql's commands, and comments.
NOISE = re.compile(r"^(SET |SELECT pg_catalog\.set_config|\\|\s*--).*\n", re.MULTILINE)


def dump(server: Server, dsn: str, schema: str = "pgqueue") -> str:
    """The schema as pg_dump writes it, without what differs from day to day."""
    text = server.run(
        "pg_dump",
        "--schema-only",
        "--no-owner",
        "--no-privileges",
        f"--schema={schema}",
        f"--exclude-table={schema}.jobs_*_[0-9]*",
        f"--dbname={dsn}",
    )
    return re.sub(r"\n{3,}", "\n\n", NOISE.sub("", text)).strip() + "\n"
