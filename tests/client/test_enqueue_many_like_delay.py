"""enqueue_many inserts what `apply_async` of the same call inserts, whichever way it takes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import HealthCheck, example, given, settings, strategies as st

from pgqueue import InvalidPayload, bulk

NASTY = (
    *("\\N", "\\.", "\\", "\t", "\n", "\r\n", "a\tb\\tc", "'", '"', "%", "%s", "%(id)s", "{}"),
    *("{NULL}", "NULL", "None", "$1", "é", "😀", "\u2028", "\x7f", "\x01", ""),
)
texts = st.sampled_from(NASTY) | st.text(st.characters(codec="utf-8", exclude_characters="\0"))
values = st.recursive(
    texts | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.booleans(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=5,
)
names = st.sampled_from(["mail", "\\N", "\\.", 'a "b"', "{a,b}", "NULL", "None", "é", "%s"])
zones = st.integers(-720, 840).map(lambda minutes: timezone(timedelta(minutes=minutes)))
FIRST, LAST = datetime(2, 1, 1), datetime(9000, 1, 1)  # noqa: DTZ001 (zones are drawn, too)
moments = st.datetimes(FIRST, LAST, timezones=zones)
seconds = st.floats(-3e10, 3e10) | st.floats(-5, 5) | st.integers(-100, 100)
options = st.fixed_dictionaries(
    {},
    optional={
        "queue": names,
        "priority": st.integers(0, 9),
        "expires": seconds | moments | st.none(),
        "headers": st.dictionaries(texts, values, max_size=2),
        "max_retries": st.integers(0, 32_766) | st.none(),
        "notify": st.booleans(),
        "task_id": st.uuids(),
    },
)
timing = st.one_of(
    st.just({}),
    st.fixed_dictionaries({"countdown": seconds | st.none()}),
    st.fixed_dictionaries({"eta": moments | st.none()}),
)
calls = st.tuples(
    st.sampled_from(["task", "signature", "name"]),
    st.lists(values, max_size=3),
    st.dictionaries(texts, values, max_size=3),
    st.builds(lambda some, more: some | more, options, timing),
)
ALL = {
    "queue": "mail",
    "priority": 9,
    "countdown": 90.25,
    "expires": datetime(2026, 11, 22, tzinfo=UTC),
    "headers": {"trace": "\\N"},
    "max_retries": None,
    "notify": False,
}


@pytest.fixture
def in_each_way(app, connect, monkeypatch):
    """Enqueues calls by one statement, by a copy, and by batches; yields the handles of each."""

    def in_each_way(calls):
        yield app.enqueue_many(calls)
        with monkeypatch.context() as patch:
            patch.setattr(bulk, "FEW", 0)
            patch.setattr(bulk, "BATCH", 2)
            yield app.enqueue_many(calls)
            with connect(autocommit=False) as held:
                jobs = app.enqueue_many(calls, connection=held)
            yield jobs
            with connect(autocommit=False) as held, held.pipeline():
                jobs = app.enqueue_many(calls, connection=held)
            yield jobs

    return in_each_way


@pytest.fixture
def taken(connection):
    """Returns the rows of jobs in the order of their handles, but for their ids; deletes them."""
    rows = (
        "select (to_jsonb(j) - 'id')::text from unnest(%s::uuid[]) with ordinality i (id, n) "
        "join pgqueue.jobs j using (id) order by i.n"
    )

    def taken(jobs):
        found = connection.execute(rows, [[job.id for job in jobs]]).fetchall()
        deleted = connection.execute("delete from pgqueue.jobs_live").rowcount
        assert deleted == len(found) == len({job.id for job in jobs})
        return found

    return taken


@pytest.mark.usefixtures("clock")
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(calls, min_size=1, max_size=5, unique_by=lambda call: call[3].get("task_id", object()))
)
@example([("task", [], {}, ALL)])
@example([("name", [], {}, {"countdown": 3e10 + 0.123457}), ("name", list(NASTY), {}, {})])
def test_each_row_is_what_delay_would_have_inserted(app, note, in_each_way, taken, calls):
    given, sent = [], []
    for form, args, kwargs, options in calls:
        if form == "name":
            sent.append(app.send_task("other", args, kwargs, **options))
            given.append(("other", args, kwargs, options))
            continue
        sent.append(note.apply_async(args, kwargs, **options))
        signature = note.s(*args, **kwargs).set(**options)
        given.append(signature if form == "signature" else (note, args, kwargs, options))
    by_delay = taken(sent)
    for jobs in in_each_way(given):
        assert taken(jobs) == by_delay


def test_what_the_task_declares_is_what_its_jobs_have(app, in_each_way, taken, clock):
    del clock

    @app.task(queue="mail", priority=7, expires=60, max_retries=None)
    def declared(number): ...

    calls = [declared.s(1), (declared, (2,), {}, {"priority": 1, "expires": None})]
    by_delay = taken([declared.delay(1), declared.using(priority=1, expires=None).delay(2)])
    for jobs in in_each_way(calls):
        assert taken(jobs) == by_delay


@pytest.mark.parametrize("text", ["\0", "a\0b", "\ud800"])
def test_what_jsonb_cannot_hold_is_refused_in_each_way(app, note, connect, text):
    for connection in (None, connect()):
        for before in (1, bulk.FEW + 1):
            calls = [(note, ())] * before + [(note, (), {"x": [text]})]
            with pytest.raises(InvalidPayload, match=rf"item {before}: kwargs\['x'\]\[0\]: "):
                app.enqueue_many(calls, connection=connection)
