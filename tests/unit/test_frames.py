"""What crosses the pipe between supervisor and child arrives as it was sent, however it is cut."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
from hypothesis import given, strategies as st

from pgqueue.rows import ClaimedJob
from pgqueue.worker import frames
from pgqueue.worker.frames import FIELD, RECORD, FrameReader

FULL = ClaimedJob(
    "id-1",
    7,
    2,
    4,
    "[1.5]",
    "mail",
    9,
    "now",
    "add",
    '["é😀"]',
    '{"a":1}',
    '{"h":1}',
    "id-0",
    "id-r",
    True,
)
BARE = ClaimedJob("id-2", 1, 1, None, None, "default", 0, "now", "add", "[]", "{}", None)
FULL_RECORD = [
    "id-1",
    "7",
    "2",
    "4",
    "[1.5]",
    "mail",
    "9",
    "add",
    '["é😀"]',
    '{"a":1}',
    '{"h":1}',
    "id-0",
    "id-r",
    "t",
]
BARE_RECORD = ["id-2", "1", "1", "", "", "default", "0", "add", "[]", "{}", "", "", "", ""]


def read(*pieces):
    reader = FrameReader()
    return [frame for piece in pieces for frame in reader.feed(piece)]


def test_jobs_arrive_as_their_fields_the_empty_ones_too():
    ((kind, body),) = read(frames.jobs_frame([FULL, BARE]))
    assert kind == frames.JOBS
    assert frames.read_records(body) == [FULL_RECORD, BARE_RECORD]


@pytest.mark.parametrize("fields", [(), ("",), ("", ""), ("summary", ""), ('{"a":"é"}',)])
def test_outcomes_arrive_as_their_fields_the_empty_ones_too(fields):
    record = frames.outcome_record(frames.FAILED, "id-1", "7", *fields)
    ((kind, body),) = read(frames.outcomes_frame([record, record]))
    assert kind == frames.OUTCOMES
    assert frames.read_records(body) == [["F", "id-1", "7", *fields]] * 2


def test_a_child_introduces_itself():
    hello = {"name": "shop", "dsn": "", "listen_dsn": None, "tasks": ["é\n"]}
    ((kind, body),) = read(frames.hello_frame(hello))
    assert (kind, json.loads(body)) == (frames.HELLO, hello)


STREAM = [("J", "one"), ("Q", ""), ("O", "é😀" * 50), ("R", "")]
BYTES = b"".join(frames.frame(kind, body) for kind, body in STREAM)


def test_several_frames_may_come_at_once():
    assert read(BYTES) == STREAM


def test_a_frame_may_come_byte_by_byte():
    assert read(*(bytes([byte]) for byte in BYTES)) == STREAM


@given(st.lists(st.integers(0, len(BYTES))).map(sorted))
def test_a_stream_may_be_cut_anywhere(cuts):
    ends = [0, *cuts, len(BYTES)]
    assert read(*(BYTES[a:b] for a, b in pairwise(ends))) == STREAM


def test_a_frame_that_is_not_complete_is_not_given_out():
    reader = FrameReader()
    assert list(reader.feed(BYTES[:6])) == []
    assert list(reader.feed(BYTES[6:])) == STREAM


@given(st.text(st.characters(codec=None)) | st.text(RECORD + FIELD + "\ud800\n\0"))
def test_a_text_of_unknown_origin_cannot_forge_a_record_or_break_the_pipe(text):
    records = [
        frames.outcome_record("F", "id-1", "7", frames.plain(text), "traceback"),
        frames.outcome_record("S", "id-2", "8", "1"),
    ]
    ((_, body),) = read(frames.outcomes_frame(records))
    (first, second) = frames.read_records(body)
    assert [*first[:3], *first[4:]] == ["F", "id-1", "7", "traceback"]
    assert len(first[3]) == len(text)
    assert second == ["S", "id-2", "8", "1"]


@pytest.mark.parametrize(
    ("text", "sent"),
    [(None, ""), ("", ""), ("as it is\n", "as it is\n"), (f"a{RECORD}b{FIELD}c", "a b c")],
)
def test_only_separators_are_replaced(text, sent):
    assert frames.plain(text) == sent


def test_lone_surrogates_do_not_stop_a_frame():
    assert read(frames.frame(frames.BROKEN, "a\ud800b")) == [("B", "a?b")]
