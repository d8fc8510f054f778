"""What a call's options mean, and which are refused before anything is sent."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, strategies as st

from pgqueue.errors import InvalidOption, InvalidPayload
from pgqueue.options import WITHOUT_MEANING, Options, checked_name, new_job
from pgqueue.request import Request, current
from pgqueue.rows import FOREVER, NewJob, Unique

ID = UUID("0198c0de-0000-7000-8000-000000000001")
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def job(**options):
    return new_job("mail.send", [42], {"to": "a"}, {"task_id": ID, **options})


def refusal(**options):
    with pytest.raises(InvalidOption) as caught:
        job(**options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


MEANINGS = [
    ({"queue": "mail"}, {"queue": "mail"}),
    ({"priority": 9}, {"priority": 9}),
    ({"countdown": 60}, {"countdown": 60.0}),
    ({"countdown": -1.5}, {"countdown": -1.5}),
    ({"countdown": None}, {"countdown": 0.0}),
    ({"eta": NOON}, {"eta": NOON}),
    ({"eta": None}, {"eta": None}),
    ({"eta": NOON.isoformat()}, {"eta": NOON}),
    ({"expires": NOON.replace(tzinfo=None).isoformat()}, {"expires": NOON}),
    ({"expires": 0}, {"expires_in": 0.0}),
    ({"expires": 60}, {"expires_in": 60.0}),
    ({"expires": NOON}, {"expires": NOON}),
    ({"expires": None}, {}),
    ({"task_id": ID}, {"id": ID}),
    ({"task_id": str(ID)}, {"id": ID}),
    ({"headers": {"trace": [1]}}, {"headers": '{"trace":[1]}'}),
    ({"headers": {}}, {"headers": None}),
    ({"max_retries": 0}, {"max_attempts": 1}),
    ({"max_retries": 32_766}, {"max_attempts": 32_767}),
    ({"max_retries": None}, {"max_attempts": FOREVER}),
    ({"time_limit": 60}, {"headers": '{"pgqueue":{"time_limit":60.0}}'}),
    ({"soft_time_limit": 5.5}, {"headers": '{"pgqueue":{"soft_time_limit":5.5}}'}),
    ({"time_limit": None}, {}),
    ({"notify": False}, {"notify": False}),
    ({"queue": None}, {}),
    ({"priority": None}, {}),
    ({"eta": NOON.replace(tzinfo=None)}, {"eta": NOON}),
    ({"expires": NOON.replace(tzinfo=None)}, {"expires": NOON}),
    ({"ignore_result": True}, {"headers": '{"pgqueue":{"ignore_result":true}}'}),
    ({"ignore_result": False}, {"headers": '{"pgqueue":{"ignore_result":false}}'}),
    ({"ignore_result": None}, {}),
    ({"limit_key": "k"}, {"headers": '{"pgqueue":{"limit_key":"k"}}'}),
    ({"shadow": "import"}, {"headers": '{"pgqueue":{"shadow":"import"}}'}),
    ({"serializer": "json"}, {}),
    ({"parent_id": str(ID)}, {"parent_id": ID}),
    ({"root_id": ID}, {"root_id": ID}),
    *(({name: None}, {}) for name in sorted(WITHOUT_MEANING)),
    ({"unique": False}, {}),
    *(
        (options, {"unique": unique, "headers": '{"pgqueue":{"unique":"k"}}'})
        for options, unique in (
            ({"unique_key": "k"}, Unique("k")),
            ({"unique_key": "k", "unique_until": "start"}, Unique("k", True)),
            ({"unique_key": "k", "unique_for": 60}, Unique("k", False, 60.0)),
            ({"unique_key": "k", "on_duplicate": "raise"}, Unique("k", on_duplicate="raise")),
            ({"unique_key": "k", "on_duplicate": "replace"}, Unique("k", True, None, "replace")),
        )
    ),
]
#: Those that say where a job comes from, and those that make a canvas of it: see below.
OF_THE_RUN = {"add_to_parent", "link", "link_error"}


@pytest.mark.parametrize(("options", "fields"), MEANINGS)
def test_each_option_sets_its_fields_and_no_other(options, fields):
    assert job(**options) == job()._replace(**fields)


def test_a_call_without_options_is_a_job_with_the_defaults():
    made = new_job("mail.send", [42], {"to": "a"}, {})
    assert made == NewJob(made.id, "mail.send", "[42]", '{"to":"a"}')
    assert made.id.version == 7


def test_no_option_is_forgotten_here():
    said = {name for options, _ in MEANINGS for name in options}
    assert said | OF_THE_RUN == Options.__annotations__.keys()


def test_a_time_without_a_zone_is_in_the_zone_that_is_given():
    oslo = ZoneInfo("Europe/Oslo")
    options = {"eta": NOON.replace(tzinfo=None), "expires": datetime(2026, 6, 1, 12)}  # noqa: DTZ001
    made = new_job("mail.send", [], {}, options, oslo)
    assert made.eta == NOON - timedelta(hours=1)
    assert made.expires == datetime(2026, 6, 1, 10, tzinfo=UTC)
    aware = {"eta": NOON, "expires": NOON}
    assert new_job("mail.send", [], {}, aware, oslo)[8:10] == (NOON, NOON)


def test_what_is_enqueued_in_a_run_knows_the_run_and_its_root():
    parent, root, other = uuid4(), uuid4(), uuid4()
    token = current.set(Request(id=str(parent), root_id=str(root)))
    try:
        assert job()[14:16] == (parent, root)
        assert job(add_to_parent=False)[14:16] == (None, root)
        assert job(parent_id=other, root_id=str(ID))[14:16] == (other, ID)
    finally:
        current.reset(token)
    token = current.set(Request(id=str(parent)))
    try:
        assert job()[14:16] == (parent, parent)
    finally:
        current.reset(token)
    assert job()[14:16] == (None, None)


@pytest.mark.parametrize("option", ["link", "link_error"])
def test_what_makes_a_canvas_is_no_part_of_a_job(option):
    assert f"{option}= makes a canvas of a call" in refusal(**{option: ["a signature"]})


@pytest.mark.parametrize("name", sorted(WITHOUT_MEANING))
def test_what_celery_has_an_option_for_and_pgqueue_has_not_is_taken_and_said_once(
    name, monkeypatch
):
    monkeypatch.setattr("pgqueue.options._warned", set())
    with pytest.warns(UserWarning, match=f"^{name}= has no meaning in pgqueue: ") as caught:
        assert job(**{name: "x"}) == job()
    assert len(caught) == 1
    assert job(**{name: "x"}) == job()


def test_without_a_task_id_every_job_has_one_of_its_own():
    assert job(task_id=None).id != job(task_id=None).id


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"countdonw": 1}, "countdonw= is not an option of a call; did you mean countdown=?"),
        ({"retries": 1}, "retries= is not an option of a call; did you mean max_retries=?"),
        ({"zzz": 1}, "zzz= is not an option of a call; there are: queue, priority, countdown, eta"),
        ({"countdown": 1, "eta": NOON}, "countdown= and eta= say the same thing: give one"),
        ({"countdown": 0, "eta": NOON}, "countdown= and eta= say the same thing: give one"),
        ({"countdown": "1"}, "countdown='1': give a number of seconds"),
        ({"countdown": ""}, "countdown='': give a number of seconds"),
        ({"countdown": float("nan")}, "countdown=nan: give a number of seconds"),
        ({"countdown": float("inf")}, "countdown=inf: give a number of seconds"),
        ({"countdown": 1e12}, "countdown=1000000000000.0: give a number of seconds"),
        ({"eta": 60}, "eta=60: give a datetime"),
        ({"expires": "1 h"}, "expires='1 h': give a datetime, or its text in ISO 8601"),
        ({"priority": -1}, "priority=-1: give 0 to 9; 9 is claimed first"),
        ({"priority": 10}, "priority=10: give 0 to 9"),
        ({"priority": 1.5}, "priority=1.5: give 0 to 9"),
        ({"task_id": "order-1"}, "task_id='order-1': a job's id is a UUID; leave it out to have"),
        ({"task_id": ""}, "task_id='': a job's id is a UUID"),
        ({"max_retries": -1}, "max_retries=-1: give 0 to 32766, or None for ever"),
        ({"max_retries": 32_767}, "max_retries=32767: give 0 to 32766"),
        ({"max_retries": 1.0}, "max_retries=1.0: give 0 to 32766"),
        ({"headers": "abc"}, "headers='abc': give a dict"),
        ({"headers": [1]}, "headers=[1]: give a dict"),
        ({"queue": ""}, "queue='': a name is a text of printable characters"),
        ({"shadow": "a\nb"}, "shadow='a\\nb': a name is a text of printable characters"),
        ({"serializer": "pickle"}, "serializer='pickle': arguments are JSON, and only that"),
    ],
)
def test_a_wrong_option_is_refused_with_its_value_and_the_remedy(options, message):
    assert message in refusal(**options)


@pytest.mark.parametrize("kind", ["task", "queue"])
@pytest.mark.parametrize(
    "name", ["", "a\nb", "a\0", "\x1b[31m", "a\u202eb", "a\u2028b", "\ud800", b"mail", 7]
)
def test_a_name_that_cannot_be_shown_is_refused_and_shown_escaped(kind, name):
    with pytest.raises(InvalidOption) as caught:
        checked_name(kind, name)
    assert str(caught.value) == f"{kind}={name!r}: a name is a text of printable characters"
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("letter", ["a", "é", "😀"])
def test_a_name_has_at_most_200_bytes(letter):
    longest = letter * (200 // len(letter.encode()))
    assert checked_name("queue", longest) == longest
    with pytest.raises(InvalidOption, match=r"^queue='.{40}'…: a name has at most 200 bytes$"):
        checked_name("queue", longest + letter)


@given(st.text(max_size=300))
def test_any_text_is_a_fit_name_or_refused_on_one_line(text):
    if text.isprintable() and 0 < len(text.encode()) <= 200:
        assert checked_name("queue", text) == text
        return
    with pytest.raises(InvalidOption) as caught:
        checked_name("queue", text)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("args", "kwargs", "headers", "place"),
    [
        ([1, {2}], {}, {}, "args[1]: "),
        ([], {"to": [object()]}, {}, "kwargs['to'][0]: "),
        ([], {}, {"trace": 1j}, "headers['trace']: "),
    ],
)
def test_a_value_that_json_cannot_hold_is_refused_with_its_place(args, kwargs, headers, place):
    with pytest.raises(InvalidPayload) as caught:
        new_job("mail.send", args, kwargs, {"task_id": str(uuid4()), "headers": headers})
    assert str(caught.value).startswith(place)
