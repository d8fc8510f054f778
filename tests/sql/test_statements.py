"""The rules of sql/README.md that a program can check."""

from __future__ import annotations

import re

import psycopg
import pytest

from pgqueue import operations
from pgqueue.migrate import migrate
from pgqueue.statements import FOLDER, script, statement
from support.jobs import Jobs
from support.plans import numbered
from support.schema import dump

GENERATED = {"schema"}  # for reading only
STATEMENTS = sorted({file.stem for file in FOLDER.glob("*.sql")} - GENERATED)
FILES = sorted(file for file in FOLDER.rglob("*.sql") if file.stem not in GENERATED)
#: now() itself; ids; when a file was applied, and on what day; what is compared with the server's
#: own times.
CLOCKS = {"functions/now.sql", "functions/uuid7.sql", "migrations/0001_jobs.sql"}
CLOCKS |= {
    "migrations/0007_roots.sql",
    "note_schema_file.sql",
    "live_table.sql",
    "vacuum_holders.sql",
}
CLOCK = re.compile(
    r"(?<!pgqueue\.)\bnow\s*\(|\b(current_(date|time|timestamp)|localtime(stamp)?|timeofday"
    r"|(clock|statement|transaction)_timestamp)\b"
)
SHOP = "jobs_of_shop"

each_statement = pytest.mark.parametrize("name", STATEMENTS)
each_file = pytest.mark.parametrize("file", FILES, ids=lambda f: f.relative_to(FOLDER).as_posix())


def test_every_statement_can_be_prepared(connection):
    for name in STATEMENTS:
        text, _ = numbered(name)
        if text.startswith(("listen", "cluster")):  # take neither parameters nor preparation
            connection.execute(text)
        elif text.startswith("copy"):  # nor does this
            with connection.cursor().copy(text):
                pass
        else:
            connection.execute(f'prepare "{name}" as {text}')


@each_statement
def test_a_percent_sign_is_a_parameter_and_every_parameter_is_cast(name):
    text = statement(name)
    assert re.sub(r"%\(\w+\)s::\w+|%%", "", text).count("%") == 0


@each_statement
def test_a_statement_is_one_statement(name):
    assert ";" not in statement(name)


@each_file
def test_a_file_begins_with_what_it_is_for(file):
    first = file.read_text(encoding="utf-8").splitlines()[0]
    assert re.match(r"-- \S", first)


@each_file
def test_the_only_clock_is_pgqueue_now(file):
    found = CLOCK.findall(script(file, "pgqueue"))
    assert bool(found) == (file.relative_to(FOLDER).as_posix() in CLOCKS)


@each_file
def test_what_is_locked_and_skipped_is_materialized(file):
    text = script(file, "pgqueue")
    for at in (found.start() for found in re.finditer(r"\blimit\b[^()]*\bskip locked", text)):
        assert " as materialized (" in text[:at]


@pytest.fixture
def shop(empty_database, server):
    """Everything under another schema's name, in a database that has no schema `pgqueue`."""
    with psycopg.connect(empty_database, autocommit=True) as connection:
        migrate(connection, SHOP)
        shop = Jobs(connection, SHOP)
        shop.dump = lambda: dump(server, empty_database, SHOP)
        yield shop


@pytest.fixture
def sleeper(shop, empty_database):
    del shop
    with psycopg.connect(empty_database, autocommit=True) as connection:
        yield Jobs(connection, SHOP)


def test_nothing_in_another_schema_knows_the_name_of_the_first(shop):
    assert not re.search(r"(?<![{,])pgqueue", shop.dump())  # but for the key of headers
    assert shop.value("select to_regnamespace('pgqueue') is null")


def test_another_schema_is_the_same_but_for_its_name(shop, server, database):
    here, there = dump(server, database), shop.dump().replace(SHOP, "pgqueue")
    assert sorted(here.splitlines()) == sorted(there.splitlines())


def test_a_job_lives_and_ends_in_another_schema(shop):
    worker = shop.register()
    first, second, third = (shop.add(args=f"[{n}]") for n in range(3))
    assert str(shop.value(f"select {SHOP}.cancel(%s::uuid)", third)) == "cancelled"
    claimed = shop.claim(worker)
    assert [job.id for job in claimed] == [first, second]
    assert shop.finish(claimed[0], result="1") == {first}
    assert shop.retry(claimed[1]) == {second}
    assert shop.run(operations.counts()) == {"queued": 1, "succeeded": 1, "cancelled": 1}
    assert shop.run(operations.requeue([first])) == {first}
    fourth = shop.value(f"select {SHOP}.enqueue('add')")
    assert shop.state(fourth) == "queued"


@pytest.mark.sessions("nobody is woken")
def test_sleepers_of_another_schema_have_gates_and_channels_of_their_own(shop, sleeper, connection):
    gate = connection.execute("select pgqueue.gate('default')").fetchone()[0]
    assert shop.value(f"select {SHOP}.gate('default')") != gate
    sleeper.connection.execute(f'listen "{SHOP}.jobs"')
    assert sleeper.run(operations.lie_down(["default"])) == {"default"}
    shop.add()
    (notice,) = sleeper.connection.notifies(timeout=10, stop_after=1)
    assert notice.channel == f"{SHOP}.jobs"
