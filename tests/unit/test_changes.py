"""What a retry changes of a job, and what it cannot."""

from __future__ import annotations

import json
from datetime import datetime

import pytest

from pgqueue.changes import changes_of
from pgqueue.errors import InvalidOption
from pgqueue.request import Request

TIMED = {"time_limit": 70.0, "alone": True}


def headers(options, **request):
    text = changes_of(Request(**request), None, None, options).headers
    return json.loads(text) if text else None


def test_what_is_not_given_stays():
    assert not any(changes_of(Request(headers={"a": 1}, notes=TIMED), None, None, {}))


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"headers": {"b": 2}}, {"b": 2, "pgqueue": TIMED}),
        ({"headers": {}}, {"pgqueue": TIMED}),
        ({"soft_time_limit": 5}, {"a": 1, "pgqueue": {**TIMED, "soft_time_limit": 5.0}}),
        ({"time_limit": None}, {"a": 1, "pgqueue": {"alone": True}}),
        ({"ignore_result": 1}, {"a": 1, "pgqueue": {**TIMED, "ignore_result": True}}),
        ({"shadow": "s"}, {"a": 1, "pgqueue": {**TIMED, "shadow": "s"}}),
    ],
)
def test_headers_and_what_is_kept_there(options, expected):
    assert headers(options, headers={"a": 1}, notes=TIMED) == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (60, ("", "60.0")),
        (None, ("infinity", "")),
        ("2026-11-22T12:00:00+01:00", ("2026-11-22T12:00:00+01:00", "")),
        (datetime.fromisoformat("2026-11-22"), ("2026-11-22T00:00:00+00:00", "")),
    ],
)
def test_when_it_expires(given, expected):
    changes = changes_of(Request(), None, None, {"expires": given})
    assert (changes.expires, changes.expires_in) == expected


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"task_id": "x"}, "the job keeps its id"),
        ({"link": ()}, r"raise self\.replace\(self\.si\(…\)\.set\(link=…\)\)"),
        ({"link_error": ()}, r"set\(link_error=…\)"),
        ({"limit_key": "k"}, "the job keeps the key"),
        ({"cuntdown": 5}, "is not an option of a retry"),
        ({"headers": []}, "give a dict"),
        ({"headers": {"pgqueue": 1}}, "is taken"),
        ({"soft_time_limit": 80}, "is over time_limit=70"),
        ({"serializer": "pickle"}, "arguments are JSON"),
        ({"shadow": ""}, "a name is a text"),
        ({"expires": "soon"}, "give a datetime, or its text"),
    ],
)
def test_what_it_cannot_change_is_refused_with_what_to_do(options, match):
    with pytest.raises(InvalidOption, match=match):
        changes_of(Request(notes=TIMED), None, None, options)
