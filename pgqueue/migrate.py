"""Brings a database's schema to this release's: `sql/migrations/` once each, then `sql/functions/`.

Every file is one short transaction under one advisory lock, and leaves its mark in the same
transaction: killed anywhere, the next run goes on where this one stopped.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import psycopg

from pgqueue.errors import ConfigurationError, SchemaMismatch
from pgqueue.statements import DEFAULT_SCHEMA, FOLDER, checked_schema, script, statement

#: How long one file waits for a lock that others hold before it steps back and tries again, so
#: that nobody queues up behind the migration.
LOCK_TIMEOUT = 2.0
DAYS_AHEAD = 3


@dataclass(frozen=True, slots=True)
class Step:
    """One file of `sql/` that is to be applied: its path below `sql/`, and its text."""

    path: str
    text: str

    @property
    def sha256(self) -> str:
        """The fingerprint of the text, as noted in `schema_files`."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def is_migration(self) -> bool:
        """Whether it changes tables, once; else it is a function, in its newest text."""
        return _numbered(self.path)


def all_steps(schema: str = DEFAULT_SCHEMA) -> list[Step]:
    """Return every file of this release, in the order in which they are applied."""
    files = [*_files("migrations"), *_files("functions")]
    return [Step(_relative(file), script(file, schema)) for file in files]


def plan(connection: psycopg.Connection[Any], schema: str = DEFAULT_SCHEMA) -> list[Step]:
    """Return what `migrate` would apply to this database.

    Raises `SchemaMismatch` if the database is newer than this release, or holds a migration whose
    text is not this release's.
    """
    _refuse_keyword(connection, schema)
    applied = _applied(connection, schema)
    steps = all_steps(schema)
    known = {step.path for step in steps}
    if newer := sorted(path for path in applied if _numbered(path) and path not in known):
        raise SchemaMismatch(
            f"schema {schema!r} is newer than this pgqueue: it has {newer[-1]}; upgrade the package"
        )
    for step in steps:
        if _numbered(step.path) and applied.get(step.path, step.sha256) != step.sha256:
            raise SchemaMismatch(
                f"schema {schema!r} was made with another {step.path} than this release's; a "
                "pre-release schema cannot be upgraded: drop it or use another --schema"
            )
    return [step for step in steps if applied.get(step.path) != step.sha256]


def migrate(
    connection: psycopg.Connection[Any],
    schema: str = DEFAULT_SCHEMA,
    *,
    report: Callable[[Step], None] = lambda _: None,
    patience: float = 60.0,
) -> list[Step]:
    """Apply what is missing and return it; `report` is told of every file once it is in.

    The connection must be in autocommit mode. A lock that others hold for longer than `patience`
    seconds raises psycopg's `LockNotAvailable`; nothing is half done then.
    """
    applied = []
    for step in plan(connection, schema):
        if _persistently(patience, lambda step=step: _apply(connection, schema, step)):  # type: ignore[misc]
            applied.append(step)
            report(step)
    days_ahead = statement("create_partitions", schema)
    _persistently(patience, lambda: connection.execute(days_ahead, {"days_ahead": DAYS_AHEAD}))
    return applied


def check(files: Sequence[tuple[str, str]], schema: str = DEFAULT_SCHEMA) -> list[str]:
    """Refuse a database that this release cannot work with, given its (path, sha256) rows.

    Returns the migrations of newer releases that it can work with nevertheless: those that only
    add something. One that an older release may stumble over says in its name which migration a
    release must know to be able to work with it: `0007_drop_it.needs_0005.sql`.
    """
    applied = {path for path, _ in files if _numbered(path)}
    known = _migrations()
    if missing := sorted(known - applied):
        raise SchemaMismatch(
            f"schema {schema!r} lacks {missing[0]}: run 'pgq migrate' (this process will not "
            "change a schema by itself)"
        )
    newer = sorted(applied - known)
    numbers = {_number(path) for path in known}
    for path in newer:
        needed = re.search(r"\.needs_(\d+)\.sql$", path)
        if needed and int(needed[1]) not in numbers:
            raise SchemaMismatch(
                f"schema {schema!r} is newer than this pgqueue: it has {path}, which is only for "
                f"releases that know migration {needed[1]}; upgrade the package"
            )
    return newer


@cache
def _migrations() -> frozenset[str]:
    """Return the paths of this release's migrations, and not of one that is installed meanwhile."""
    return frozenset(map(_relative, _files("migrations")))


def as_script(steps: Sequence[Step], schema: str = DEFAULT_SCHEMA) -> str:
    """Return the steps as one SQL script for psql, marks included."""
    mark = statement("note_schema_file", schema)
    parts = [
        f"-- {step.path}\nbegin;\n{step.text}\n"
        f"{mark % {'path': repr(step.path), 'sha256': repr(step.sha256)}};\ncommit;\n"
        for step in steps
    ]
    return "\n".join([*parts, f"select {checked_schema(schema)}.create_partitions({DAYS_AHEAD});"])


def _apply(connection: psycopg.Connection[Any], schema: str, step: Step) -> bool:
    with connection.transaction():
        connection.execute(f"set local lock_timeout = '{int(LOCK_TIMEOUT * 1000)}ms'")
        key = f"pgqueue.migrate:{schema}"
        connection.execute("select pg_advisory_xact_lock(hashtextextended(%s, 0))", [key])
        if _applied(connection, schema).get(step.path) == step.sha256:
            return False  # another migrator was here while we waited
        connection.execute(step.text)
        mark = statement("note_schema_file", schema)
        connection.execute(mark, {"path": step.path, "sha256": step.sha256})
    return True


def _refuse_keyword(connection: psycopg.Connection[Any], schema: str) -> None:
    """Refuse a name that SQL reads as something else when it stands unquoted."""
    asked = "select catcode <> 'U' from pg_get_keywords() where word = %s"
    row = connection.execute(asked, [schema]).fetchone()
    if row and row[0]:
        raise ConfigurationError(f"schema={schema!r} is a word of SQL: give another name")


def _applied(connection: psycopg.Connection[Any], schema: str) -> dict[str, str]:
    table = f"{checked_schema(schema)}.schema_files"
    # Not to_regclass(): within a transaction that waited for another migrator, it may still answer
    # from a cache that knows nothing of the other one's work.
    there = "select from pg_tables where schemaname = %s and tablename = 'schema_files'"
    if connection.execute(there, [schema]).fetchone() is None:
        return {}
    rows = connection.execute(f"select path, sha256 from {table}")  # noqa: S608
    return dict(rows.fetchall())


def _persistently(patience: float, act: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + patience
    while True:
        try:
            return act()
        except psycopg.errors.LockNotAvailable:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def _numbered(path: str) -> bool:
    return re.match(r"migrations/\d", path) is not None


def _number(path: str) -> int:
    return int(path.removeprefix("migrations/").partition("_")[0])


def _files(kind: str) -> list[Path]:
    return sorted(FOLDER.glob(f"{kind}/*.sql"))


def _relative(file: Path) -> str:
    return file.relative_to(FOLDER).as_posix()
