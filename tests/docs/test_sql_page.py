"""The SQL page names every column, function and state there is, and its queries find something."""

from __future__ import annotations

import re

import pytest
from blocks import first_cells, names, page

SQL = page("sql.md")

COLUMNS = """
select a.attname::text, format_type(a.atttypid, null)
from pg_attribute a
where a.attrelid = %s::regclass and a.attnum > 0 and not a.attisdropped
"""
TABLES = """
select c.relname::text
from pg_class c
where c.relnamespace = 'pgqueue'::regnamespace and c.relkind in ('r', 'p', 'v')
    and not c.relispartition
"""
FUNCTIONS = """
select p.proname::text, coalesce(p.proargnames[1:p.pronargs], '{}')
from pg_proc p
where p.pronamespace = 'pgqueue'::regnamespace
"""
STATES = "select unnest(enum_range(null::pgqueue.job_state))::text"
SHORT = {"timestamp with time zone": "timestamptz"}


def table_of(title: str) -> dict[str, str]:
    """The columns that a section's table describes, each with its type."""
    found = {}
    for line in SQL.section(title).splitlines():
        if line.startswith("| `"):
            cells = line.split("|")
            columns, types = names([cells[1]]), re.findall(r"`([^`]+)`", cells[2])
            found |= dict(zip(columns, types * len(columns), strict=False))
    return found


def described(name: str) -> dict[str, str]:
    return table_of("The columns of pgqueue.jobs" if name == "jobs" else f"pgqueue.{name}")


def test_every_table_and_column(connection):
    for (table,) in connection.execute(TABLES).fetchall():
        rows = connection.execute(COLUMNS, [f"pgqueue.{table}"]).fetchall()
        assert described(table) == {name: SHORT.get(kind, kind) for name, kind in rows}, table


def test_every_state(connection):
    states = {state for (state,) in connection.execute(STATES)}
    assert set(names(first_cells(SQL.section("States")))) - {"state"} == states


def test_every_function_with_its_arguments(connection):
    section = SQL.section("Functions")
    for name, arguments in connection.execute(FUNCTIONS).fetchall():
        calls = re.findall(rf"`{name}\(([^)]*)\)`", section)
        assert calls, name
        shown = [[part.strip() for part in call.split(",") if part.strip()] for call in calls]
        assert any(_says(each, arguments) for each in shown), (name, arguments)


def _says(shown: list[str], arguments: list[str]) -> bool:
    if shown[-1:] == ["…"]:
        return arguments[: len(shown) - 1] == shown[:-1]
    return shown == arguments


def test_no_function_that_is_not_there(connection):
    there = {name for name, _ in connection.execute(FUNCTIONS)}
    section = SQL.section("Functions").split("### enqueue")[0]
    assert set(names(first_cells(section))) <= there
    assert set(re.findall(r"pgqueue\.(\w+)\(", SQL.text)) <= there


def test_the_arguments_of_enqueue(connection):
    (arguments,) = [a for name, a in connection.execute(FUNCTIONS) if name == "enqueue"]
    assert names(first_cells(SQL.section("enqueue"))) == arguments


def test_the_defaults_of_retention(connection):
    rows = connection.execute("select keep from pgqueue.retention order by state").fetchall()
    days = [keep.days for (keep,) in rows]
    assert days == [1, 14, 14]
    assert "1 day, 14 days and 14 days" in SQL.text


@pytest.fixture
def busy(connection):
    """A database in which every kind of job has something to show."""
    enqueue = "select pgqueue.enqueue(%s, %s, %s)"
    for task, payload, queue in (
        ("mail.welcome", '{"args": [42]}', "mail"),
        ("mail.newsletter", '{"kwargs": {"user_id": 42}}', "mail"),
        ("add", '{"args": [1, 2]}', "default"),
        ("fails", "{}", "default"),
        ("fails", "{}", "default"),
        ("runs", "{}", "default"),
    ):
        connection.execute(enqueue, [task, payload, queue])
    return connection


def test_the_ready_made_queries_find_something(busy, jobs, play, database):
    worker = jobs.register(tasks=["add", "fails", "runs"])
    added, failed, _, _ = jobs.claim(worker, tasks=["add", "fails", "runs"])
    jobs.finish(added, result="3")
    jobs.retry(failed)
    (again,) = jobs.claim(worker, tasks=["fails"])
    jobs.finish(again, state="failed", error="OSError: no route", traceback="…")
    del busy
    playing = play(database)
    ready_made = SQL.section("Ready-made queries")
    for block in SQL.blocks:
        if block.language == "sql" and block.text in ready_made:
            playing.run(block)
            assert all(playing.rows[block]), f"{block} finds nothing"
