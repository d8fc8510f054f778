"""Statements and parameters as texts: what drivers get that are not told any types."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest

from pgqueue import operations
from pgqueue.query import Query
from pgqueue.rows import NewJob
from pgqueue.statements import FOLDER, statement
from pgqueue.transports import texts

STATEMENTS = sorted(file.stem for file in FOLDER.glob("*.sql") if file.stem != "schema")
ID = UUID("01a2038c-deb2-7407-a3c2-17d4d47cd937")


@pytest.mark.parametrize("name", STATEMENTS)
def test_every_statement_casts_its_parameters_itself(name):
    """Else it would work on connections that send types, and on no others."""
    assert not re.findall(r"%\(\w+\)s(?!::)", statement(name))


def test_every_statement_can_be_prepared_with_numbers(connection):
    for name in STATEMENTS:
        text, names = texts.renumbered(statement(name))
        assert "%(" not in text
        if names:  # what has none cannot all be prepared: listen
            types = ", ".join(["text"] * len(names))
            connection.execute(f"prepare {name} ({types}) as {text}", prepare=False)


def test_a_number_stands_for_each_name_however_often_it_is_written():
    written = "select %(b)s::int + %(a)s::int + %(b)s::int, '50 %%', 5 % 2"
    assert texts.renumbered(written) == (
        "select $1::text::int + $2::text::int + $1::text::int, '50 %', 5 % 2",
        ("b", "a"),
    )


def test_the_parameters_follow_the_numbers():
    query = operations.enqueue(NewJob(ID, "add", "[1]", "{}", headers=None))
    text, params = texts.numbered(query, "shop")
    by_name = texts.named(query, "shop")[1]
    numbers = dict(enumerate(params, start=1))
    for found in re.finditer(r"%\((\w+)\)s", statement("enqueue", "shop")):
        number = texts.renumbered(statement("enqueue", "shop"))[1].index(found[1]) + 1
        assert numbers[number] == by_name[found[1]]
    assert "shop.jobs_live" in text
    assert "pgqueue" not in text


@pytest.mark.parametrize(
    ("value", "cast"),
    [
        (None, "text"),
        ("naïve 'x' \\", "text"),
        (True, "boolean"),
        (False, "boolean"),
        (-7, "integer"),
        (2**62, "bigint"),
        (0.1, "float8"),
        (1e-300, "float8"),
        (float("inf"), "float8"),
        (ID, "uuid"),
        (datetime(1, 2, 3, 4, 5, 6, 7, tzinfo=UTC), "timestamptz"),
        (datetime(2026, 7, 1, tzinfo=timezone(timedelta(hours=-3, minutes=-30))), "timestamptz"),
    ],
)
def test_postgresql_reads_a_parameter_as_what_it_was(connection, value, cast):
    text = texts.text(value)
    assert text is None or isinstance(text, str)
    connection.execute("set datestyle to 'sql, dmy'")
    connection.execute("set timezone to 'Asia/Tokyo'")
    same = f"select %s::text::{cast} is not distinct from %s::{cast}"
    assert connection.execute(same, [text, value]).fetchone() == (True,)


def test_both_forms_keep_all_parameters():
    query = Query("enqueue", {**operations.enqueue(NewJob(ID, "a", "[]", "{}")).params}, bool)
    assert texts.named(query, "pgqueue")[1].keys() == query.params.keys()
    assert len(texts.numbered(query, "pgqueue")[1]) == len(query.params)
