"""Which database and which application a command means, and that secrets stay secret."""

from __future__ import annotations

import os
from contextlib import nullcontext
from types import SimpleNamespace

import psycopg
import pytest

from pgqueue import embedded
from pgqueue.config import NO_DATABASE
from pgqueue.migrate import migrate

MINE = "host=/nowhere dbname={}"


def database_of(said):
    """The name of the database that a failed connection was to."""
    assert said.code == 1
    return said.err.partition("dbname=")[2].partition(":")[0]


@pytest.fixture(autouse=True)
def _nothing_runs(monkeypatch):
    monkeypatch.setattr(embedded, "running_dsn", lambda _: None)


@pytest.fixture
def own(here):
    """A module whose application names its database, and its schema."""
    (here / "shop.py").write_text(
        f"from pgqueue import PgQueue\napp = PgQueue(dsn='{MINE.format('own')}', schema='shop')"
    )


def test_without_any_database_both_ways_are_said(pgq_without_database):
    said = pgq_without_database("status")
    assert (said.code, said.out, said.err) == (1, "", f"pgq: {NO_DATABASE}\n")
    assert "PGQUEUE_DSN" in said.err
    assert "pgq up" in said.err


def test_the_order_dsn_application_environment(pgq_without_database, own):
    del own
    pgq, environment = pgq_without_database, {"PGQUEUE_DSN": MINE.format("environment")}
    dsn = ("--dsn", MINE.format("given"))
    assert database_of(pgq("status", "-A", "shop", *dsn, **environment)) == "given"
    assert database_of(pgq("status", "-A", "shop", **environment)) == "own"
    assert database_of(pgq("status", **environment)) == "environment"
    assert database_of(pgq("status", DATABASE_URL=MINE.format("url"))) == "url"


def test_last_comes_the_server_that_pgq_up_runs_here(pgq_without_database, monkeypatch, database):
    """It is migrated by itself, into the schema that is asked for."""
    monkeypatch.setattr(embedded, "running_dsn", lambda _: database)
    assert pgq_without_database("status", "--schema", "fresh").code == 0
    assert database_of(pgq_without_database("status", PGQUEUE_DSN=MINE.format("first"))) == "first"


def test_embedded_starts_a_server_and_migrates_it(
    pgq_without_database, monkeypatch, empty_database
):
    server = nullcontext(SimpleNamespace(dsn=empty_database))
    monkeypatch.setattr(embedded, "start", lambda _: server)
    said = pgq_without_database("jobs", "list", "--embedded", PGQUEUE_DSN=MINE.format("other"))
    assert (said.code, said.out) == (0, "no job matches\n")


def test_another_database_is_never_migrated_by_itself(pgq_without_database, empty_database):
    said = pgq_without_database("jobs", "list", "--dsn", empty_database)
    assert said.code == 1
    assert "run 'pgq migrate'" in said.err
    with psycopg.connect(empty_database) as connection:
        assert connection.execute("select to_regnamespace('pgqueue')").fetchone() == (None,)


def test_the_schema_is_the_given_one_or_the_applications(pgq, database, own):
    del own
    with psycopg.connect(database, autocommit=True) as connection:
        migrate(connection, "shop")
    assert "schema shop" in pgq("status", "-A", "shop", "--dsn", database).lines[0]
    said = pgq("status", "-A", "shop", "--dsn", database, "--schema", "pgqueue")
    assert "schema pgqueue" in said.lines[0]
    assert "at most 40 lower-case letters" in pgq("status", "--schema", "Shop").err


@pytest.mark.parametrize(
    "named", ["option", "option before the command", "environment", "pyproject", "folder above"]
)
def test_the_application_is_named_by(pgq_without_database, own, here, monkeypatch, named):
    del own
    before, after = [], []
    if named.startswith("option"):
        (before if "before" in named else after).extend(["-A", "shop"])
    elif named == "environment":
        monkeypatch.setenv("PGQ_APP", "shop:app")
    else:
        (here / "pyproject.toml").write_text('[tool.pgqueue]\napp = "shop"\n')
    if named == "folder above":
        (here / "below").mkdir()
        os.chdir(here / "below")
    assert database_of(pgq_without_database(*before, "status", *after)) == "own"


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("nothere", "-A nothere: there is no module 'nothere' in {here} or on the path; "),
        ("shop:nope", "-A shop:nope: shop has no PgQueue named 'nope' (there are: app)"),
        ("shop.py", "-A shop.py: 'shop.py' is not the name of a module; "),
    ],
)
def test_an_unknown_application(pgq_without_database, shop, here, spec, message):
    del shop
    said = pgq_without_database("status", "-A", spec)
    assert said.code == 1
    assert said.err.startswith("pgq: " + message.format(here=here))


def test_an_application_that_raises_shows_the_users_lines_only(pgq_without_database, here):
    (here / "broken.py").write_text("import json\n1 / 0\n")
    said = pgq_without_database("status", "-A", "broken")
    assert said.err == (
        "pgq: -A broken cannot be loaded:\nTraceback (most recent call last):\n"
        f'  File "{here}/broken.py", line 2, in <module>\n    1 / 0\n    ~~^~~\n'
        "ZeroDivisionError: division by zero\n"
    )


def test_the_file_that_names_a_wrong_application_is_named(pgq_without_database, here):
    (here / "pyproject.toml").write_text('[tool.pgqueue]\napp = "nothere"\n')
    assert f"({here}/pyproject.toml names it)" in pgq_without_database("status").err
    (here / "pyproject.toml").write_text("[tool.pgqueue]\napp = 3\n")
    assert 'app = 3: give "module:attribute"' in pgq_without_database("status").err
    (here / "pyproject.toml").write_text("[tool")
    assert "pyproject.toml cannot be read" in pgq_without_database("status").err


@pytest.mark.parametrize(
    "dsn",
    [
        "postgresql://me:hunter2@127.0.0.1:1/shop",
        "postgresql://me:hun@hunter2@127.0.0.1:1/shop",
        "postgresql://me@127.0.0.1:1/shop?password=hunter2",
        "host=127.0.0.1 port=1 password='hunter2'",
        "host=127.0.0.1 hunter2",
    ],
)
@pytest.mark.parametrize("command", ["status", "doctor", "migrate"])
def test_a_password_is_never_shown(pgq_without_database, dsn, command):
    said = pgq_without_database(command, "--dsn", dsn)
    assert said.code == 1
    assert "hunter2" not in said.out + said.err


def test_two_ats_in_a_url_are_explained(pgq_without_database):
    said = pgq_without_database("status", "--dsn", "postgresql://me:a@b@127.0.0.1:1/shop")
    assert "in a password write %40" in said.err
