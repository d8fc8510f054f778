"""Log lines: one for each message, whatever the message holds."""

from __future__ import annotations

import json
import logging
import re
import sys
import unicodedata

import pytest
from hypothesis import given, strategies as st

from pgqueue.describe import describe_exception, lines, one_line, shortened
from pgqueue.worker.logs import HumanFormatter, JsonFormatter

HOSTILE = [
    "one\n12:00:00.000 INFO    worker     all is well",
    "one\rtwo",
    "\x1b[2J\x1b[31mred",
    "\x9b31mred",
    "a\u2028b\u2029c\x85d",
    "\u202ereversed",
    "\ud800",
    "\0",
    "tab\t",
]


def record(message="hello %s", *args, **fields):
    made = logging.LogRecord("pgqueue.worker", logging.INFO, __file__, 1, message, args, None)
    vars(made).update(fields)
    return made


def throw(message):
    raise ValueError(message)


def raised(message):
    try:
        throw(message)
    except ValueError:
        return sys.exc_info()


def test_a_line_for_people_says_when_how_grave_who_and_what():
    line = HumanFormatter("w1").format(record("hello %s", "world", created=0.0, msecs=123.0))
    assert re.fullmatch(r"\d\d:\d\d:\d\d\.123 INFO    w1         hello world", line)


@pytest.mark.parametrize("text", HOSTILE)
def test_a_message_for_people_cannot_forge_a_line_or_drive_the_terminal(text):
    line = HumanFormatter("w1").format(record("%s", text))
    assert line.isprintable()
    assert line.endswith(text.encode("unicode_escape").decode())


@pytest.mark.parametrize("text", HOSTILE)
def test_nor_can_an_exception(text):
    first, *rest = HumanFormatter("w1").format(record("oops", exc_info=raised(text))).split("\n")
    assert first.endswith("oops")
    assert all(line.startswith("    ") and line.isprintable() for line in rest)
    assert rest[-1] != rest[0] == "    Traceback (most recent call last):"


@pytest.mark.parametrize("text", HOSTILE)
def test_a_line_for_programs_is_one_json_object_with_what_it_is_about(text):
    about = {"job": "id-1", "task": "mail.send", "attempt": 2}
    line = JsonFormatter("w1").format(record("%s", text, about=about, created=1.25))
    assert line.isprintable()
    assert json.loads(line) == {
        "ts": 1.25,
        "level": "info",
        "logger": "pgqueue.worker",
        "process": "w1",
        "message": text,
        **about,
    }


def test_a_line_for_programs_carries_the_exception_and_any_value():
    line = JsonFormatter("w1").format(record("oops", exc_info=raised("a\nb"), about={"at": {1}}))
    assert line.isprintable()
    read = json.loads(line)
    assert read["exception"].endswith("ValueError: a\nb")
    assert read["at"] == "{1}"


@pytest.mark.parametrize("text", ["", "as it is", "é😀 \\n"])
def test_what_is_printable_stays_as_it_is(text):
    assert one_line(text) == text


class BrokenText:
    def __str__(self):
        raise SystemExit("\nforged")

    __repr__ = __str__


@pytest.mark.parametrize("formatter", [HumanFormatter, JsonFormatter])
@pytest.mark.parametrize(
    ("message", "arguments"),
    [
        ("%s", (BrokenText(),)),
        (BrokenText(), ()),
        ("%d", ("no number\n12:00:00.000 INFO",)),
        ("%s and %s", ("one\r",)),
    ],
)
def test_what_cannot_be_logged_is_one_line_that_says_so(formatter, message, arguments):
    line = formatter("w1").format(record(message, *arguments))
    assert line.isprintable()
    assert "cannot be logged with its arguments" in line


@pytest.mark.parametrize("formatter", [HumanFormatter, JsonFormatter])
def test_an_exception_is_logged_bounded(formatter):
    line = formatter("w1").format(record("oops", exc_info=raised("x\n" * 10_000_000)))
    assert len(line) < 400_000
    assert "characters left out" in line


@pytest.mark.parametrize("formatter", [HumanFormatter, JsonFormatter])
def test_a_line_without_an_exception_may_say_that_there_is_none(formatter):
    assert "oops" in formatter("w1").format(record("oops", exc_info=(None, None, None)))


def drives(text):
    """What of a text ends lines, drives terminals, or turns text around."""
    turning = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
    return {
        char
        for char in text
        if unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp")
        or unicodedata.bidirectional(char) in turning
    }


texts = st.text() | st.text("".join(HOSTILE) + "\x1e\x1f\u2066\u061c")


@given(texts)
def test_no_text_leaves_its_line_or_drives_a_terminal(text):
    for shown in (one_line(text), shortened(text), *describe_exception(ValueError(text))[:1]):
        assert not drives(shown)
        assert len(shown.splitlines()) <= 1


@given(texts)
def test_lines_stay_lines_and_nothing_else_gets_through(text):
    assert drives(lines(text)) <= {"\n", "\t"}
    assert drives(describe_exception(ValueError(text))[1]) <= {"\n", "\t"}


@given(texts)
def test_no_message_forges_a_line_in_either_format(text):
    for formatter in (HumanFormatter("w1"), JsonFormatter("w1")):
        line = formatter.format(record("%s", text, exc_info=raised(text)))
        assert drives(line) <= {"\n"}
        assert all(part.startswith("    ") for part in line.split("\n")[1:])
