"""Ids of SQL callers are UUIDs of version 7: made together, they lie together in the index."""

from __future__ import annotations

import time


def made(jobs, count):
    rows = jobs.connection.execute("select pgqueue.uuid7() from generate_series(1, %s)", [count])
    return [row[0] for row in rows]


def test_version_and_variant_are_those_of_rfc_9562(jobs):
    assert {(i.version, i.variant) for i in made(jobs, 200)} == {(7, "specified in RFC 4122")}


def test_ids_begin_with_the_milliseconds_since_1970(jobs):
    before = time.time_ns() // 1_000_000
    (one,) = made(jobs, 1)
    assert before - 1 <= one.int >> 80 <= time.time_ns() // 1_000_000 + 1


def test_ids_follow_each_other_in_time_and_never_repeat(jobs):
    """Within a millisecond, too; two of the same microsecond are all that may change places."""
    ids = made(jobs, 5000)
    ticks = [(i.int >> 80) * 4096 + (i.int >> 64 & 0xFFF) for i in ids]
    assert ticks == sorted(ticks)
    milliseconds = {i.int >> 80 for i in ids}
    assert len(milliseconds) > 1
    assert len(set(ticks)) > 10 * len(milliseconds)
    assert len(set(ids)) == len(ids)


def test_ids_have_62_random_bits(jobs):
    ids = made(jobs, 200)
    once, never = 0, ~0
    for i in ids:
        bits = i.int & (1 << 62) - 1
        once, never = once | bits, never & bits
    assert once == (1 << 62) - 1
    assert never == 0
