"""`pgq migrate`: plan, apply, print."""

from __future__ import annotations

import psycopg
import pytest

from pgqueue import migrate


@pytest.fixture
def paths():
    return [step.path for step in migrate.all_steps()]


@pytest.fixture
def counted(paths):
    migrations = sum(path.startswith("migrations/") for path in paths)
    return f"{migrations} migrations and {len(paths) - migrations} functions"


def test_the_plan_names_every_migration_and_changes_nothing(pgq, empty_database, paths, counted):
    for options, shown in ((["-v"], ""), ([], "migrations/")):
        said = pgq("migrate", "--plan", *options, "--dsn", empty_database)
        assert said.code == 0
        assert said.lines[1:] == [
            *(f"  would apply {path}" for path in paths if path.startswith(shown)),
            f"nothing was done: {counted} would be applied",
        ]


@pytest.mark.parametrize(("options", "shown"), [([], "migrations/"), (["--verbose"], "")])
def test_files_are_shown_as_they_are_applied_and_then_there_is_nothing_to_do(
    pgq, empty_database, paths, counted, options, shown
):
    said = pgq("migrate", *options, "--dsn", empty_database)
    assert said.lines[1:-1] == [f"  applied {p}" for p in paths if p.startswith(shown)]
    assert said.lines[-1].startswith(f"{counted} applied in ")
    for option in ([], ["--plan"]):
        again = pgq("migrate", *option, "--dsn", empty_database)
        assert again.lines[1:] == ["nothing to do: the schema is this release's"]


def test_a_function_that_is_not_this_releases_is_counted(pgq, connection):
    connection.execute("update pgqueue.schema_files set sha256 = '' where path ~ 'wake'")
    assert pgq("migrate").lines[1].startswith("1 function applied in ")


@pytest.mark.parametrize("connected", [True, False])
def test_the_script_for_psql_makes_the_same_schema(
    pgq_without_database, server, empty_database, connected
):
    where = ("--dsn", empty_database) if connected else ()
    said = pgq_without_database("migrate", "--sql", "--schema", "shop", *where)
    server.run("psql", "-v", "ON_ERROR_STOP=1", "-d", empty_database, input=said.out)
    with psycopg.connect(empty_database) as connection:
        assert migrate.plan(connection, "shop") == []
    again = pgq_without_database("migrate", "--sql", "--schema", "shop", "--dsn", empty_database)
    assert again.out == "-- nothing to do\n"


def test_a_schema_of_a_newer_release_is_refused(pgq, connection):
    connection.execute("insert into pgqueue.schema_files values ('migrations/9999_new.sql', '')")
    said = pgq("migrate")
    assert said.code == 1
    assert "is newer than this pgqueue: it has migrations/9999_new.sql" in said.err


def test_a_role_that_may_not_is_told_what_postgresql_says(pgq, empty_database):
    with psycopg.connect(empty_database, autocommit=True) as connection:
        connection.execute("drop role if exists nobody_special")
        connection.execute("create role nobody_special login")
    said = pgq(
        "migrate", "--dsn", psycopg.conninfo.make_conninfo(empty_database, user="nobody_special")
    )
    assert said.code == 1
    assert said.err.startswith("pgq: PostgreSQL says: permission denied for database")
