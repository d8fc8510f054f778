"""Tables and figures for people."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import click
import pytest
from hypothesis import given, strategies as st

from pgqueue.cli import formats, tables

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def plain(*arguments, **options):
    return [click.unstyle(line) for line in tables.render(*arguments, **options)]


def test_columns_are_aligned_and_numbers_stand_right():
    rows = [("mail", 1200), ("x", 3)]
    assert plain(("QUEUE", "READY"), rows, right=("READY",)) == [
        "QUEUE  READY",
        "mail   1,200",
        "x          3",
    ]


def test_what_is_too_long_is_cut_to_the_width_except_what_must_be_whole():
    rows = [("0198c0de-0000", "a" * 50, "b" * 60)]
    lines = plain(("ID", "TASK", "ERROR"), rows, whole=("ID",), width=40)
    assert max(map(len, lines)) <= 40
    assert lines[1].startswith("0198c0de-0000  aaaaa")
    assert lines[1].count("…") == 2


def test_a_row_is_one_line_whatever_a_cell_holds():
    (_, line) = plain(("TASK",), [("a\nb\x1b[2J\u202e",)])
    assert line == r"a\nb\x1b[2J\u202e"


def test_wide_characters_count_twice():
    assert plain(("QUEUE", "N"), [("よやく", 1), ("mail", 2)]) == [
        "QUEUE   N",
        "よやく  1",
        "mail    2",
    ]
    assert tables.cut("よやく", 5) == "よや…"


def test_nothing_is_cut_on_the_way_into_a_pipe(monkeypatch):
    monkeypatch.delenv("COLUMNS", raising=False)
    assert tables.width() is None


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 ms"), (0.25, "250 ms"), (89, "89 s"), (120, "2 min"), (4 * 3600, "4 h"), (1e6, "12 d")],
)
def test_ages(seconds, text):
    assert formats.age(seconds) == text


def test_times_before_after_and_never():
    assert formats.since(NOW - timedelta(minutes=3), NOW) == "3 min ago"
    assert formats.since(NOW + timedelta(hours=2), NOW) == "in 2 h"
    assert formats.since(formats.LAST, NOW) == "never"


@pytest.mark.parametrize(
    "text", ["1" + "0" * 5000, "[" * 5000 + "]" * 5000, "1" + "0" * 400 + ".5"]
)
def test_json_that_python_cannot_read_is_shown_as_it_is(text):
    assert formats.stored(text) == text
    assert formats.pretty(text) in ([text], [f'"{text}"'])


def test_json_is_broken_into_lines_only_where_it_must():
    assert formats.pretty('{"a": [1, 2]}') == ['{"a": [1, 2]}']
    long = f'{{"a": [1, 2], "b": "{"x" * 90}"}}'
    assert formats.pretty(long) == ["{", '  "a": [1, 2],', f'  "b": "{"x" * 90}"', "}"]


def test_marks_and_joiners_take_no_column():
    assert tables.columns("e\u0301") == 1
    assert tables.columns("\U0001f469\u200d") == 2
    assert tables.columns("\u2764\ufe0f") == 1
    assert tables.cut("e\u0301" * 5, 4) == "e\u0301" * 3 + "…"


def test_cells_of_megabytes_are_cut_in_no_time():
    rows = [("日本" * 1_000_000, "x" * 5_000_000, n) for n in range(3)]
    for line in plain(("TASK", "ERROR", "N"), rows, width=80)[1:]:
        assert tables.columns(line) <= 80


@pytest.mark.parametrize("levels", [100, 101, 400, 990, 5_000])
def test_a_document_shows_values_however_deep(levels, capsys):
    text = "[" * levels + "]" * levels
    shown = formats.stored(text)
    formats.emit({"args": shown})
    assert formats.pretty(text)
    assert (shown == text) == (levels > 100)
    assert capsys.readouterr().out.startswith('{\n  "args": ')


numbers = st.from_regex(r"-?[1-9][0-9]{0,6000}(\.[0-9]{1,9})?", fullmatch=True)
json_texts = st.recursive(
    numbers | st.sampled_from(["null", "true", '"a\\u001b[2J\\n"', '"日本"']),
    lambda inner: (
        st.lists(inner, max_size=4).map(lambda items: f"[{','.join(items)}]")
        | st.lists(inner, max_size=4).map(
            lambda items: "{" + ",".join(f'"k{n}":{item}' for n, item in enumerate(items)) + "}"
        )
    ),
)


@given(json_texts, st.integers(0, 2000))
def test_whatever_jsonb_holds_can_be_shown(text, around):
    text = "[" * around + text + "]" * around
    json.dumps(formats.stored(text), indent=2)
    assert all(line.isprintable() for line in formats.pretty(text))


@given(st.text(max_size=60), st.integers(2, 30))
def test_a_cell_takes_no_more_columns_than_it_may(text, room):
    assert tables.columns(tables.cut(text, room)) <= room
