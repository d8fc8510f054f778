"""The guide "Canvas": signatures, and every way of putting them together."""

from __future__ import annotations

import json
import uuid
from itertools import count

import pytest

from pgqueue import (
    AsyncResult,
    ChordError,
    GroupResult,
    Signature,
    chain,
    chord,
    group,
    signature,
)

PROJECT = "orchard"
APP = "orchard.celery"
WORKER = ("--processes", "1", "-c", "4")
WAIT = 30
KEYS = count(9200)


@pytest.fixture
def tasks(project, worker):
    return project("orchard.tasks")


@pytest.fixture
def app(project):
    return project("orchard.celery").app


# ── signatures ───────────────────────────────────────────────────────────────────────────────────


def test_a_signature_is_made_in_four_ways(tasks):
    made = [
        signature("orchard.tasks.pour", args=(2, 2), countdown=10),
        tasks.pour.signature((2, 2), countdown=10),
        tasks.pour.s(2, 2).set(countdown=10),
        Signature.from_dict(tasks.pour.signature((2, 2), countdown=10)),
    ]
    assert {repr(each) for each in made} == {"orchard.tasks.pour(2, 2)"}
    assert all(dict(each) == dict(made[0]) for each in made)


def test_a_signature_shows_its_fields(tasks):
    s = tasks.pour.signature((2, 2), {"washed": True}, countdown=10)
    assert (s.args, s.kwargs, s.options) == ((2, 2), {"washed": True}, {"countdown": 10})
    assert repr(tasks.pour.s(2, 2, washed=True)) == "orchard.tasks.pour(2, 2, washed=True)"


def test_a_signature_knows_the_calling_api(tasks):
    assert tasks.pour.s(2, 2)() == 4
    assert tasks.pour.signature((2, 2)).delay().get(timeout=WAIT) == 4
    assert tasks.pour.signature((2, 2), countdown=0.01).apply_async().get(timeout=WAIT) == 4
    assert tasks.pour.signature((2, 2)).set(countdown=0.01).delay().get(timeout=WAIT) == 4
    assert ~tasks.pour.s(2, 2) == 4


def test_a_partial_takes_arguments_keywords_and_options(tasks):
    assert tasks.take.s(10).delay(30).get(timeout=WAIT) == 20
    assert tasks.take.s(10).apply_async((30,)).get(timeout=WAIT) == 20
    s = tasks.pour.s(2, 2)
    assert s.delay(washed=True).get(timeout=WAIT) == [4, True]
    assert s.apply_async(kwargs={"washed": True}).get(timeout=WAIT) == [4, True]
    slow = tasks.pour.signature((2, 2), countdown=600)
    assert slow.apply_async(countdown=0.01).get(timeout=WAIT) == 4


def test_a_clone_has_more_arguments_and_leaves_the_original(tasks):
    s = tasks.pour.s(2)
    assert repr(s.clone(args=(4,), kwargs={"washed": True})) == (
        "orchard.tasks.pour(4, 2, washed=True)"
    )
    assert repr(s) == "orchard.tasks.pour(2)"


def test_an_immutable_signature_takes_no_more_arguments(tasks, journal, until):
    for ring in (tasks.ring.signature, tasks.ring.si):
        key = str(uuid.uuid4())
        made = ring((key,), immutable=True) if ring == tasks.ring.signature else ring(key)
        assert made.immutable
        assert tasks.pour.apply_async((2, 2), link=made).get(timeout=WAIT) == 4
        assert until(lambda key=key: journal(key)) == ["ring"]


@pytest.mark.parametrize("kind", ["task", "chain", "group", "chord", "map", "chunks"])
def test_a_signature_survives_json(tasks, kind):
    """Celery's format: what was written down is sent later, by another program."""
    made = {
        "task": tasks.pour.s(2, 2),
        "chain": tasks.pour.s(2, 2) | tasks.times.s(4),
        "group": group(tasks.pour.s(2, 2), tasks.pour.s(4, 4)),
        "chord": chord([tasks.pour.s(2, 2), tasks.pour.s(4, 4)], tasks.count_all.s()),
        "map": tasks.count_all.map([[1, 2], [3]]),
        "chunks": tasks.pour.chunks([(1, 1), (2, 2)], 1).group(),
    }[kind]
    again = signature(json.loads(json.dumps(made)))
    assert type(again) is type(made)
    expected = {
        "task": 4, "chain": 16, "group": [4, 8], "chord": 12, "map": [3, 3], "chunks": [[2], [4]],
    }  # fmt: skip
    assert again.apply_async().get(timeout=WAIT) == expected[kind]


# ── callbacks ────────────────────────────────────────────────────────────────────────────────────


def test_a_callback_may_be_partial(tasks):
    result = tasks.pour.apply_async((2, 2), link=tasks.pour.s(8))
    assert result.get(timeout=WAIT) == 4
    (child,) = result.children
    assert child.get(timeout=WAIT) == 12


def test_collect_goes_through_the_results_and_those_that_came_of_them(tasks):
    result = tasks.pour.apply_async((2, 2), link=tasks.times.s(16))
    result.get(timeout=WAIT)
    result.children[0].get(timeout=WAIT)
    assert [value for _, value in result.collect()] == [4, 64]


def test_callbacks_are_linked_to_a_signature(tasks, journal, until):
    key = str(uuid.uuid4())
    s = tasks.pour.s(2, 2)
    s.link(tasks.times.s(4))
    s.link(tasks.note.s(key))
    result = s.delay()
    assert until(lambda: journal(key)) == ["4"]
    assert sorted(child.get(timeout=WAIT) for child in result.children) == [4, 16]


def test_on_error_gives_the_signature_back(tasks, journal, until):
    result = tasks.rot.s(2).on_error(tasks.report.s()).delay()
    (said,) = until(lambda: journal(result.id))
    assert "something rotten" in said


# ── chains ───────────────────────────────────────────────────────────────────────────────────────


def test_a_chain_is_written_as_a_call_or_with_pipes(tasks):
    assert chain(tasks.pour.s(2, 2), tasks.pour.s(4), tasks.pour.s(8))().get(timeout=WAIT) == 16
    piped = tasks.pour.s(2, 2) | tasks.pour.s(4) | tasks.pour.s(8)
    assert piped().get(timeout=WAIT) == 16
    assert piped.apply_async().get(timeout=WAIT) == 16


def test_a_chain_shows_its_tasks(tasks):
    made = chain(tasks.pour.s(4, 4), tasks.times.s(8), tasks.times.s(10))
    names = ["orchard.tasks.pour(4, 4)", "orchard.tasks.times(8)", "orchard.tasks.times(10)"]
    assert [repr(each) for each in made.tasks] == names


def test_the_way_up_a_chain_shows_what_came_between(tasks):
    result = chain(tasks.pour.s(4, 4), tasks.times.s(8), tasks.times.s(10))()
    assert result.get(timeout=WAIT) == 640
    assert result.parent.get(timeout=WAIT) == 64
    assert result.parent.parent.get(timeout=WAIT) == 8
    assert isinstance(result.parent.parent, AsyncResult)
    assert result.parent.parent.parent is None


def test_a_chain_of_immutable_signatures_does_one_after_the_other(tasks):
    result = (tasks.pour.si(2, 2) | tasks.pour.si(4, 4) | tasks.pour.si(8, 8))()
    said = [each.get(timeout=WAIT) for each in (result, result.parent, result.parent.parent)]
    assert said == [16, 8, 4]


def test_partial_chains_are_combined(tasks):
    part = tasks.pour.s(4) | tasks.times.s(8)
    assert part(16).get(timeout=WAIT) == 160
    whole = tasks.pour.s(4, 16) | tasks.times.s(2) | (tasks.pour.s(4) | tasks.times.s(8))
    assert whole().get(timeout=WAIT) == 352


def test_a_chain_has_the_id_of_its_last_task(tasks):
    mine = str(uuid.uuid4())
    result = chain(tasks.pour.s(1, 1), tasks.times.s(2)).apply_async(task_id=mine)
    assert (result.id, result.get(timeout=WAIT)) == (mine, 4)


def test_a_chain_ends_with_the_error_of_the_task_that_failed(tasks, journal, until):
    made = tasks.pour.s(1, 1) | tasks.rot.s() | tasks.times.s(3)
    made.link_error(tasks.report.s())
    result = made()
    with pytest.raises(ValueError, match="something rotten"):
        result.get(timeout=WAIT)
    assert result.parent.parent.get(timeout=WAIT) == 2
    assert len(until(lambda: journal(result.parent.id))) == 1


def test_the_results_of_a_chain_go_down_as_well(tasks):
    """`graph` and its picture have no counterpart; `children` and `parent` lead everywhere."""
    result = chain(tasks.pour.s(4, 4), tasks.times.s(8))()
    result.get(timeout=WAIT)
    assert [child.id for child in result.parent.children] == [result.id]


# ── groups ───────────────────────────────────────────────────────────────────────────────────────


def test_a_group_takes_signatures_a_list_or_a_generator(tasks):
    two = [tasks.pour.s(2, 2), tasks.pour.s(4, 4)]
    assert group(*two)().get(timeout=WAIT) == [4, 8]
    assert group(two).delay().get(timeout=WAIT) == [4, 8]
    assert group(tasks.pour.s(i, i) for i in range(100))().get(timeout=WAIT) == [
        i + i for i in range(100)
    ]


def test_the_result_of_a_group_speaks_for_all(tasks):
    result = group([tasks.pour.s(n, n) for n in (2, 4, 8, 16, 32)]).apply_async()
    assert isinstance(result, GroupResult)
    assert result.get(timeout=WAIT) == [4, 8, 16, 32, 64]
    assert result.join(timeout=WAIT) == [4, 8, 16, 32, 64]
    assert (result.ready(), result.successful(), result.failed()) == (True, True, False)
    assert (result.waiting(), result.completed_count(), len(result)) == (False, 5, 5)
    assert [each.get(timeout=WAIT) for each in result] == [4, 8, 16, 32, 64]


def test_a_group_with_a_failure_has_failed(tasks, until):
    result = group(tasks.pour.s(2, 2), tasks.rot.s()).delay()
    until(result.ready)
    assert (result.successful(), result.failed(), result.completed_count()) == (False, True, 1)
    with pytest.raises(ValueError, match="something rotten"):
        result.get(timeout=WAIT)


def test_a_group_is_revoked_as_a_whole(tasks):
    result = group(tasks.pour.s(n, n) for n in (1, 2)).apply_async(countdown=600)
    result.revoke()
    assert [each.state for each in result] == ["REVOKED", "REVOKED"]


def test_the_callback_of_a_group_runs_once_with_all_results(tasks, journal, until):
    """Celery links it to the members; here it gets what most people expect."""
    key = str(uuid.uuid4())
    made = group(tasks.pour.s(2, 2), tasks.pour.s(4, 4))
    made.link(tasks.note.s(key))
    assert made().get(timeout=WAIT) == [4, 8]
    assert until(lambda: journal(key)) == ["[4, 8]"]


def test_the_errback_of_a_group_runs_once(tasks, journal, until):
    """Celery calls it for every member that fails; here it is one job, of the first of them."""
    made = group(tasks.rot.s(1), tasks.rot.s(2))
    made.link_error(tasks.report.s())
    result = made()
    until(result.ready)
    said = until(lambda: [line for each in result for line in journal(each.id)])
    assert len(said) == 1


def test_a_group_of_one_is_no_group_in_a_chain(tasks):
    one = chain(tasks.pour.s(2, 2), group(tasks.pour.s(1)), tasks.pour.s(1))
    assert one().get(timeout=WAIT) == 6
    two = chain(tasks.pour.s(2, 2), group(tasks.pour.s(1), tasks.pour.s(2)), tasks.count_all.s())
    assert two().get(timeout=WAIT) == 11
    assert chain(group(tasks.pour.s(1, 1)), tasks.pour.s(2))().get(timeout=WAIT) == 4


def test_a_group_is_kept_and_found_again(tasks, app):
    result = group(tasks.pour.s(n, n) for n in (1, 2)).apply_async()
    result.save()
    again = GroupResult.restore(result.id, app=app)
    assert again.get(timeout=WAIT) == [2, 4]
    again.delete()


# ── chords ───────────────────────────────────────────────────────────────────────────────────────


def test_a_chord_is_written_in_three_ways(tasks):
    header = [tasks.pour.s(i, i) for i in range(100)]
    assert chord(tasks.pour.s(i, i) for i in range(100))(tasks.count_all.s()).get(WAIT) == 9900
    assert chord(header)(tasks.count_all.s()).get(timeout=WAIT) == 9900
    assert chord(header, tasks.count_all.s()).apply_async().get(timeout=WAIT) == 9900


def test_the_body_of_a_chord_may_be_immutable(tasks, journal):
    key = str(uuid.uuid4())
    chord((tasks.pour.s(i, i) for i in range(3)), tasks.ring.si(key)).apply_async().get(WAIT)
    assert journal(key) == ["ring"]


def test_a_group_that_something_follows_becomes_a_chord(tasks):
    made = group(tasks.pour.s(i, i) for i in range(10)) | tasks.count_all.s()
    assert isinstance(made, chord)
    assert made().get(timeout=WAIT) == 90


def test_a_task_gives_its_result_to_all_of_a_group(tasks):
    made = tasks.pour.s() | group(tasks.times.s(2), tasks.times.s(3))
    result = made.delay(1, other=1)
    assert result.get(timeout=WAIT) == [4, 6]
    assert result.parent.get(timeout=WAIT) == 2


def test_a_group_of_immutable_signatures_comes_after_a_task(tasks):
    result = (tasks.pour.s(4, 4) | group(tasks.pour.si(i, i) for i in range(10)))()
    assert result.get(timeout=WAIT) == list(range(0, 20, 2))
    assert result.parent.get(timeout=WAIT) == 8


def test_a_group_after_a_group_gets_the_list(tasks):
    two = group(tasks.pour.s(1, 1), tasks.pour.s(2, 2))
    made = two | group(tasks.count_all.s(), tasks.count_all.s()) | tasks.count_all.s()
    assert made().get(timeout=WAIT) == 12


def test_the_body_of_a_chord_fails_with_the_header_and_the_others_run(tasks, until):
    result = chord([tasks.pour.s(4, 4), tasks.rot.s(), tasks.pour.s(8, 8)])(tasks.count_all.s())
    with pytest.raises(ChordError, match=r"Dependency .* raised .*something rotten"):
        result.get(timeout=WAIT)
    header = result.parent
    until(header.ready)
    assert [each.state for each in header] == ["SUCCESS", "FAILURE", "SUCCESS"]
    assert header[1].id in str(result.result)
    assert result.state == "FAILURE"


def test_the_errback_of_a_chords_body_runs_once(tasks, journal, until):
    made = group(tasks.pour.s(1, 1), tasks.rot.s()) | tasks.count_all.s().on_error(tasks.report.s())
    result = made.delay()
    (said,) = until(lambda: journal(result.id))
    assert "ChordError" in said


def test_links_of_a_chord_are_those_of_its_body(tasks, journal, until):
    key = str(uuid.uuid4())
    made = chord([tasks.pour.s(1, 1), tasks.pour.s(2, 2)], tasks.count_all.s())
    made.link(tasks.note.s(key))
    assert made().get(timeout=WAIT) == 6
    assert until(lambda: journal(key)) == ["6"]
    key = str(uuid.uuid4())
    made = chord([tasks.pour.s(1, 1), tasks.pour.s(2, 2)], tasks.count_all.s())
    made.apply_async(link=tasks.note.s(key)).get(timeout=WAIT)
    assert until(lambda: journal(key)) == ["6"]


def test_a_countdown_of_a_chord_is_that_of_its_header(tasks):
    made = chord([tasks.pour.s(1, 1), tasks.pour.s(2, 2)], tasks.count_all.s())
    result = made.apply_async(countdown=600)
    assert {each.job().state for each in result.parent} == {"queued"}
    assert result.job().state == "waiting"
    result.parent.revoke()


def test_members_of_a_chord_may_ignore_their_results(tasks):
    """No setting is needed for that: what the body gets is kept beside them."""
    header = [tasks.pour.s(i, i).set(ignore_result=True) for i in range(3)]
    assert chord(header)(tasks.count_all.s()).get(timeout=WAIT) == 6


def test_chords_and_chains_stand_in_each_other(tasks):
    inner = chain(
        tasks.pour.s(1, 1), group(tasks.times.s(2), tasks.times.s(3)), tasks.count_all.s()
    )
    outer = chord([inner, tasks.pour.s(5, 5)], tasks.count_all.s()) | tasks.times.s(2)
    assert outer().get(timeout=WAIT) == 40


def test_an_empty_header_is_no_reason_to_wait(tasks):
    assert chord([], tasks.count_all.s())().get(timeout=WAIT) == 0


# ── map, starmap, chunks ─────────────────────────────────────────────────────────────────────────


def test_map_and_starmap_are_one_job(tasks):
    assert ~tasks.count_all.map([list(range(10)), list(range(100))]) == [45, 4950]
    assert ~tasks.pour.starmap(zip(range(10), range(10), strict=True)) == list(range(0, 20, 2))
    later = tasks.pour.starmap(zip(range(3), range(3), strict=True)).apply_async(countdown=0.01)
    assert later.get(timeout=WAIT) == [0, 2, 4]


def test_map_stands_in_a_chord(tasks):
    made = chord([tasks.count_all.map([[1], [2]]), tasks.count_all.map([[3]])], tasks.flat.s())
    assert made().get(timeout=WAIT) == [1, 2, 3]


def test_chunks_are_jobs_of_many_calls_each(tasks):
    items = list(zip(range(100), range(100), strict=True))
    expected = [[i + i for i in range(first, first + 10)] for first in range(0, 100, 10)]
    assert tasks.pour.chunks(items, 10)().get(timeout=WAIT) == expected
    assert tasks.pour.chunks(iter(items), 10).group()().get(timeout=WAIT) == expected


def test_a_group_is_skewed(tasks):
    made = tasks.pour.chunks([(1, 1), (2, 2), (3, 3)], 1).group().skew(start=1, stop=4)
    assert [each.options["countdown"] for each in made.tasks] == [1, 2, 3]
