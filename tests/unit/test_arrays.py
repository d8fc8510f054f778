"""PostgreSQL reads every array literal as the items that it was made of."""

from __future__ import annotations

from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from pgqueue.arrays import plain_array, text_array


def read(connection, literal, kind):
    return connection.execute(f"select %s::{kind}[]", [literal]).fetchone()[0]


@pytest.mark.parametrize(
    "items",
    [
        [],
        [None],
        ["NULL", None, "null", ""],
        ["{", "}", ",", '"', "\\", "{}", '{"a",NULL}'],
        ["\\\\", '\\"', '"\\', "a\\", "\\N", "'", "';drop table jobs;--"],
        [" ", " a ", "\n", "\t\r\x0b\x1e\x1f\x7f", "\x01"],
        ["%s", "%(id)s", "$1", "é", "😀", "\u202e", "\U0010ffff"],
        ['{"json": "with \\"quotes\\" and \\\\ "}'],
    ],
)
def test_hostile_texts_come_back(connection, items):
    assert read(connection, text_array(items), "text") == items


# One connection serves all examples: nothing is written.
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(items=st.lists(st.none() | st.text(st.characters(exclude_characters="\0", codec="utf-8"))))
def test_any_texts_come_back(connection, items):
    assert read(connection, text_array(items), "text") == items


@pytest.mark.parametrize(
    ("items", "kind"),
    [
        ([], "uuid"),
        ([uuid4(), uuid4()], "uuid"),
        ([1, -2, 2**40], "bigint"),
        ([0.1, 1e300, -0.0, 5e-324, float("inf")], "float8"),
        (["succeeded", "failed"], "text"),
    ],
)
def test_what_needs_no_quoting_comes_back(connection, items, kind):
    assert read(connection, plain_array(items), kind) == items
    assert read(connection, plain_array(iter(items)), kind) == items
