"""Job ids are UUIDs of version 7 that grow, whatever the clock and the threads do."""

from __future__ import annotations

import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from uuid import RFC_4122, UUID

import pytest

from pgqueue.errors import InvalidOption
from pgqueue.identifiers import job_id, uuid7

ID = "0198c0de-0000-7000-8000-000000000001"


def test_version_and_variant_are_those_of_rfc_9562():
    made = [uuid7() for _ in range(100)]
    assert {(each.version, each.variant) for each in made} == {(7, RFC_4122)}


def test_the_first_48_bits_are_the_milliseconds_of_the_clock():
    before = time.time_ns() // 1_000_000
    milliseconds = uuid7().int >> 80
    assert before <= milliseconds <= time.time_ns() // 1_000_000 + 1


def ticks(made):
    """What orders the ids: milliseconds and their fractions, without the random bits."""
    return [(each.int >> 80, each.int >> 64 & 0xFFF) for each in made]


def test_a_clock_that_stands_still_or_steps_back_does_not_matter(monkeypatch):
    before = uuid7()
    monkeypatch.setattr("pgqueue.identifiers.time", SimpleNamespace(time_ns=lambda: 0))
    made = ticks([before, *(uuid7() for _ in range(5000))])
    assert made == sorted(set(made))


def test_threads_have_one_sequence_even_when_they_switch_at_every_step(monkeypatch):
    monkeypatch.setattr("pgqueue.identifiers.time", SimpleNamespace(time_ns=lambda: 0))
    interval, together = sys.getswitchinterval(), threading.Barrier(8)

    def make(_):
        together.wait()
        return [uuid7() for _ in range(2000)]

    sys.setswitchinterval(1e-7)
    try:
        with ThreadPoolExecutor(8) as threads:
            made = list(threads.map(make, range(8)))
    finally:
        sys.setswitchinterval(interval)
    assert all(each == sorted(each) for each in made)
    assert len(set().union(*map(ticks, made))) == 16_000


@pytest.mark.parametrize("given", [UUID(ID), ID, ID.upper(), ID.replace("-", "")])
def test_a_job_id_may_be_given_in_any_form_of_a_uuid(given):
    assert job_id(given) == UUID(ID)


@pytest.mark.parametrize("given", ["order-1", "", None, 7, b"0" * 16, f"{ID}0"])
def test_what_is_no_uuid_is_refused_with_the_remedy(given):
    with pytest.raises(InvalidOption) as caught:
        job_id(given)
    assert str(caught.value).startswith(f"task_id={given!r}: a job's id is a UUID; leave it out")
    assert "uuid.uuid5(namespace, key)" in str(caught.value)
