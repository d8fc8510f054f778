"""A schema is brought up to date file by file: killed anywhere, run twice, run at once by two."""

from __future__ import annotations

import hashlib
import re
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Barrier

import psycopg
import pytest

from pgqueue import migrate as module
from pgqueue.errors import SchemaMismatch
from pgqueue.migrate import all_steps, as_script, check, migrate, plan
from pgqueue.statements import FOLDER, script, statement
from support.poolers import psycopg_options
from support.schema import HEADER, dump

MARK = statement("note_schema_file")
PARTITIONS = statement("create_partitions")


@contextmanager
def opened(dsn, kind=psycopg.Connection):
    with kind.connect(dsn, autocommit=True, **psycopg_options(dsn)) as connection:
        yield connection


@pytest.fixture
def empty(empty_database):
    with opened(empty_database) as connection:
        yield connection


def marks(connection):
    return connection.execute("select * from pgqueue.schema_files order by path").fetchall()


@pytest.fixture(scope="module")
def wanted(server, databases):
    """What every way to the newest schema must come to."""
    with databases.migrated() as dsn:
        return dump(server, dsn)


def test_an_empty_database_gets_every_file_once_in_order(empty):
    reported = []
    assert plan(empty) == all_steps()
    assert migrate(empty, report=reported.append) == reported == all_steps()
    assert plan(empty) == []
    check([(path, sha256) for path, sha256, _ in marks(empty)])


def test_migrations_come_before_functions_each_in_order_of_its_name():
    paths = [step.path for step in all_steps()]
    migrations = [path for path in paths if path.startswith("migrations/0")]
    assert paths == sorted(migrations) + sorted(set(paths) - set(migrations))
    assert all(path.startswith("functions/") for path in paths[len(migrations) :])


def test_migrating_again_changes_nothing(server, wanted, empty_database, empty):
    migrate(empty)
    before = marks(empty)
    assert migrate(empty) == []
    assert marks(empty) == before
    assert dump(server, empty_database) == wanted


def test_every_file_leaves_its_fingerprint(connection):
    assert [(path, sha256) for path, sha256, _ in marks(connection)] == sorted(
        (step.path, hashlib.sha256(step.text.encode()).hexdigest()) for step in all_steps()
    )


class Mortal(psycopg.Connection):
    """Dies at a moment of a file: `before`, `within`, `after` its text, or once it is `marked`."""

    def die_at(self, text, moment):
        self.doomed, self.moment = text, moment

    def execute(self, query, params=None, **options):
        here = query == (MARK if self.moment == "marked" else self.doomed)
        if here and self.moment == "before":
            self.kill()
        if here and self.moment == "within":
            super().execute(first_half(query))
            self.kill()
        cursor = super().execute(query, params, **options)
        if here:
            self.kill()
        return cursor

    def kill(self):
        super().execute("select pg_terminate_backend(pg_backend_pid())")


def first_half(text):
    """About half of a file's statements; nothing of one that holds a function's body."""
    if "$$" in text or "begin atomic" in text:
        return "select"
    statements = text.split(";\n")
    return ";\n".join(statements[: (len(statements) + 1) // 2])


def die_at(dsn, text, moment):
    with opened(dsn, Mortal) as connection:
        connection.die_at(text, moment)
        with pytest.raises(psycopg.errors.AdminShutdown):
            migrate(connection)


def stop_after_one(step):
    raise InterruptedError(step.path)


def test_killed_at_any_moment_of_any_file_the_next_run_goes_on(server, wanted, empty_database):
    for number, step in enumerate(all_steps()):
        for moment in ("before", "within", "after", "marked"):
            die_at(empty_database, step.text, moment)
        with opened(empty_database) as connection:
            assert plan(connection) == all_steps()[number:]
            with pytest.raises(InterruptedError, match=step.path):
                migrate(connection, report=stop_after_one)
            assert plan(connection) == all_steps()[number + 1 :]
    die_at(empty_database, PARTITIONS, "before")
    with opened(empty_database) as connection:
        assert migrate(connection) == []
    assert dump(server, empty_database) == wanted


@pytest.mark.parametrize("attempt", range(3))
def test_two_who_migrate_at_once_share_the_work(server, wanted, empty_database, attempt):
    del attempt
    together = Barrier(2)

    def work():
        with opened(empty_database) as connection:
            together.wait(10)
            return migrate(connection)

    with ThreadPoolExecutor(2) as threads:
        first, second = (threads.submit(work) for _ in range(2))
    done = [step.path for step in first.result() + second.result()]
    assert sorted(done) == sorted(step.path for step in all_steps())
    assert dump(server, empty_database) == wanted


@pytest.mark.sessions("nobody keeps a session's lock")
def test_a_lock_that_others_keep_is_an_error_and_nothing_is_half_done(
    monkeypatch, empty_database, empty
):
    monkeypatch.setattr(module, "LOCK_TIMEOUT", 0.02)
    with opened(empty_database) as other:
        other.execute("select pg_advisory_lock(hashtextextended('pgqueue.migrate:pgqueue', 0))")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            migrate(empty, patience=0.05)
        assert plan(empty) == all_steps()
        other.execute("select pg_advisory_unlock_all()")
        assert migrate(empty) == all_steps()


@pytest.mark.sessions("nobody keeps a session's lock")
def test_a_lock_that_others_give_back_in_time_is_waited_for(monkeypatch, empty_database, empty):
    monkeypatch.setattr(module, "LOCK_TIMEOUT", 0.02)
    with opened(empty_database) as other, monkeypatch.context() as patched:
        other.execute("select pg_advisory_lock(hashtextextended('pgqueue.migrate:pgqueue', 0))")
        # The pause between two tries is where the other one gives way.
        patched.setattr(
            module.time, "sleep", lambda _: other.execute("select pg_advisory_unlock_all()")
        )
        assert migrate(empty) == all_steps()


def test_a_function_of_another_release_is_replaced(server, wanted, database, connection):
    connection.execute(
        "update pgqueue.schema_files set sha256 = 'old' where path = 'functions/uuid7.sql';"
        "create or replace function pgqueue.uuid7() returns uuid language sql return null::uuid"
    )
    assert [step.path for step in migrate(connection)] == ["functions/uuid7.sql"]
    assert dump(server, database) == wanted


def by_psycopg(server, dsn, text):
    del server
    with opened(dsn) as connection:
        connection.execute(text)


def by_psql(server, dsn, text):
    server.run("psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", dsn, input=text)


@pytest.mark.parametrize("feed", [by_psycopg, by_psql])
def test_the_script_makes_the_same_schema(server, wanted, empty_database, feed):
    feed(server, empty_database, as_script(all_steps()))
    with opened(empty_database) as connection:
        assert plan(connection) == []
        assert connection.execute("select pgqueue.create_partitions()").fetchone() == (0,)
    assert dump(server, empty_database) == wanted


def test_the_script_of_a_plan_brings_an_older_schema_up_to_date(connection):
    connection.execute("delete from pgqueue.schema_files where path like 'functions/%'")
    steps = plan(connection)
    assert {step.path.partition("/")[0] for step in steps} == {"functions"}
    connection.execute(as_script(steps))
    assert plan(connection) == []


NEWER = "insert into pgqueue.schema_files (path, sha256) values ('migrations/9999_later.sql', 'x')"
CHANGED = "update pgqueue.schema_files set sha256 = 'x' where path like 'migrations/0001%'"


@pytest.mark.parametrize(
    ("change", "message"),
    [(NEWER, "is newer than this pgqueue: it has migrations/9999_later.sql"),
     (CHANGED, "was made with another migrations/0001_jobs.sql")],
)  # fmt: skip
@pytest.mark.parametrize("act", [plan, migrate])
def test_a_schema_that_this_release_does_not_know_is_left_alone(connection, act, change, message):
    connection.execute(change)
    before = marks(connection)
    with pytest.raises(SchemaMismatch, match=message):
        act(connection)
    assert marks(connection) == before


def test_a_process_that_does_not_migrate_refuses_a_schema_that_is_older(connection):
    files = [(path, sha256) for path, sha256, _ in marks(connection)]
    assert check(files) == []
    with pytest.raises(SchemaMismatch, match=r"lacks migrations/0001_jobs.sql: run 'pgq migrate'"):
        check([file for file in files if not file[0].startswith("migrations/0001")])


@pytest.mark.parametrize("name", ["9999_adds", "9999_drops.needs_0001", "9999_drops.needs_1"])
def test_it_works_with_a_newer_schema_that_only_added_or_took_away_what_it_does_not_use(name):
    path = f"migrations/{name}.sql"
    files = [(step.path, step.sha256) for step in all_steps()]
    assert check([*files, (path, "x")]) == [path]


def test_it_refuses_a_newer_schema_that_took_away_what_it_uses():
    files = [(step.path, step.sha256) for step in all_steps()]
    newer = [("migrations/9998_adds.sql", "x"), ("migrations/9999_drops.needs_9998.sql", "x")]
    with pytest.raises(SchemaMismatch, match="only for releases that know migration 9998; upgrade"):
        check([*files, *newer])


#: What an older release may stumble over: what it reads, writes or calls is there no more.
TAKES_AWAY = re.compile(
    r"^\s*(drop|truncate)\b|\bdrop (column|constraint|not null|default|expression)|"
    r"\brename\b|\balter column \S+\s+(set data )?type\b|\bset not null\b",
    re.IGNORECASE | re.MULTILINE,
)


@pytest.mark.parametrize("file", sorted(FOLDER.glob("migrations/*.sql")), ids=lambda f: f.name)
def test_a_migration_that_takes_something_away_says_which_releases_can_work_with_it(file):
    text = script(file, "pgqueue")
    assert ".needs_" in file.name or not TAKES_AWAY.search(text)


@pytest.mark.parametrize(
    "text",
    ["drop table pgqueue.x", "alter table x\n    drop column y", "alter table x rename y to z",
     "alter table x alter column y type text"],
)  # fmt: skip
def test_what_takes_something_away_is_recognized(text):
    assert TAKES_AWAY.search(text)


def test_the_schema_is_the_one_that_can_be_read_in_the_repository(server, wanted, request):
    if server.major != 18:
        pytest.skip("the dump is that of PostgreSQL 18")
    file = FOLDER / "schema.sql"
    if request.config.getoption("--update-schema"):
        file.write_text(HEADER + wanted, encoding="utf-8")
    assert file.read_text(encoding="utf-8") == HEADER + wanted
