"""Calls that are unique: what their keys are made of, and what comes back."""

from __future__ import annotations

import asyncio

import pytest

from pgqueue import DuplicateJob, InvalidCall, InvalidOption, chain, group, operations
from pgqueue.signals import after_task_publish


@pytest.fixture
def sync(app):
    """A task that is unique by one of its arguments."""

    @app.task(name="sync", unique=["customer"])
    def sync(customer, *, force=False):
        raise NotImplementedError

    return sync


@pytest.fixture
def add(app):
    @app.task(name="add", unique=True)
    def add(a, b=0, *more, **others):
        raise NotImplementedError

    return add


def live(jobs):
    return jobs.value("select count(*) from pgqueue.jobs_live")


# ── keys ──


def test_arguments_are_the_same_however_they_are_given(add, jobs):
    first = add.delay(1)
    assert not first.existing
    for again in (
        add.delay(1, 0),
        add.delay(a=1),
        add.delay(b=0, a=1),
        add.using(queue="q").delay(1),
    ):
        assert again == first
        assert again.existing
    assert add.delay(1, 2) != first
    assert add.delay(1, 0, 3) != first
    assert add.delay(1, c=3) != first
    nested = add.delay({"x": 1, "y": [2.5]})
    assert add.delay({"y": [2.5], "x": 1}) == nested
    assert live(jobs) == 5


def test_a_part_of_the_arguments_can_be_what_counts(sync):
    assert sync.delay(42, force=True) == sync.delay(customer=42)
    assert sync.delay(43) != sync.delay(42)


def test_a_key_of_ones_own_is_shared_by_tasks_and_by_sql(app, add, sync, jobs):
    first = add.using(unique_key="mine").delay(1)
    assert sync.using(unique_key="mine").delay(1) == first
    assert app.send_task("unknown", unique_key="mine") == first
    found = "select job_id::text from pgqueue.enqueue_unique('add', 'mine')"
    assert jobs.value(found) == first.id


def test_a_call_can_do_without(add):
    assert add.using(unique=False).delay(1) != add.using(unique=False).delay(1)


def test_what_makes_no_sense_is_refused_at_once(app, sync, add):
    with pytest.raises(InvalidOption, match="no argument 'custmer'; there are: customer, force"):
        sync.using(unique=["custmer"]).delay(1)
    with pytest.raises(InvalidOption, match="give unique_key="):
        app.send_task("unknown", unique=True)
    with pytest.raises(InvalidOption, match="of which key"):
        app.task(name="x", on_duplicate="raise")(len)
    with pytest.raises(InvalidOption, match="only a queued job can be replaced"):
        add.using(on_duplicate="replace", unique_for=60).delay(1)
    with pytest.raises(InvalidOption, match="at most 200 bytes"):
        add.using(unique_key="x" * 201).delay(1)
    with pytest.raises(InvalidCall, match="missing a required argument"):
        add.delay()


def test_a_canvas_has_no_unique_tasks(add, jobs):
    """What follows one would wait for a job that may be somebody else's."""
    for canvas in (chain(add.s(1), add.s()), group(add.s(1)), group(add.s(1), add.s(2))):
        with pytest.raises(
            InvalidOption, match=r"task 1: add: a task of a canvas cannot be unique"
        ):
            canvas.delay()
    with pytest.raises(InvalidOption, match="cannot be unique"):
        add.apply_async((1,), link=add.si(2).set(unique=False))
    assert live(jobs) == 0
    chain(add.s(1).set(unique=False), add.s().set(unique=False)).delay()
    assert add.s(1).delay() == add.s(1).delay()


# ── what comes back ──


def test_a_call_may_raise_the_id_of_the_job_that_is_there(sync, jobs):
    first = sync.delay(1)
    with pytest.raises(DuplicateJob, match=f"sync: job {first.id} holds the unique key") as caught:
        sync.using(on_duplicate="raise").delay(1)
    assert caught.value.id == first.id
    assert live(jobs) == 1


def test_a_call_may_replace(sync, jobs):
    first = sync.using(countdown=60).delay(1)
    again = sync.using(on_duplicate="replace", countdown=90).delay(1, force=True)
    assert (again, again.existing) == (first, True)
    assert jobs.get(first.id).kwargs == '{"force": true}'


def test_from_a_coroutine(app, sync):
    async def calls():
        try:
            return (
                await sync.adelay(1),
                await sync.adelay(1),
                await app.asend_task("other", unique_key="k"),
            )
        finally:
            await app.aclose()

    first, second, third = asyncio.run(calls())
    assert first == second != third
    assert [each.existing for each in (first, second, third)] == [False, True, False]


def test_only_a_job_that_is_made_is_published(sync):
    told = []
    after_task_publish.connect(lambda **said: told.append(said["headers"]["id"]), weak=False)
    first = sync.delay(1)
    sync.delay(1)
    sync.database.enqueue_many([(sync, (1,)), (sync, (2,))])
    assert told[0] == first.id
    assert len(told) == 2


def test_in_place_every_call_runs(app):
    app.conf.task_always_eager = True

    @app.task(unique=True)
    def one():
        return 1

    assert [one.delay().get(), one.delay().get(), one.delay().existing] == [1, 1, False]


# ── many at once ──


@pytest.mark.parametrize("number", [3, 200], ids=["few", "a copy's worth"])
def test_many_calls_are_placed_as_if_one_by_one(app, sync, jobs, number):
    there = sync.delay(1)
    calls = [(sync, (n // 2,)) for n in range(number)] + [("plain", [n]) for n in range(number)]
    made = app.enqueue_many(calls)
    assert made[2] == there
    assert len({result.id for result in made}) == live(jobs)
    existing = [result.existing for result in made]
    assert existing[:4] == [False, True, True, number > 3]
    assert not any(existing[number:])
    assert all(made[n] == made[n - 1] for n in range(1, number, 2))


def test_the_last_of_many_that_replace_says_what_is_done(app, sync, jobs):
    options = {"on_duplicate": "replace"}
    made = app.enqueue_many([(sync, (1,), {"force": force}, options) for force in (True, False)])
    assert made[0] == made[1]
    assert jobs.get(made[0].id).kwargs == '{"force": false}'


def test_one_of_many_that_raises_undoes_them_all(app, sync, jobs):
    with pytest.raises(DuplicateJob, match="enqueue_many, item 2: sync: job"):
        app.enqueue_many([(sync, (n % 2,), {}, {"on_duplicate": "raise"}) for n in range(4)])
    assert live(jobs) == 0


# ── from SQL ──


def placed(jobs, text):
    return jobs.connection.execute(
        f"select * from pgqueue.enqueue_unique('add', {text})"
    ).fetchone()


def test_from_sql_it_is_the_same(jobs, worker):
    first, existing = placed(jobs, "'k', '{\"args\": [1]}', countdown => '1 hour'")
    assert not existing
    assert placed(jobs, "'k'") == (first, True)
    assert placed(jobs, "'k', '{\"args\": [2]}', on_duplicate => 'replace'") == (first, True)
    assert jobs.get(str(first)).args == "[2]"
    with pytest.raises(Exception, match=f'job {first} holds the unique key "k"'):
        placed(jobs, "'k', on_duplicate => 'raise'")
    (claimed,) = jobs.claim(worker)
    second, existing = placed(jobs, "'k', unique_until => 'start', unique_for => '1 minute'")
    assert (second == first, existing) == (False, False)
    jobs.finish(claimed)
    jobs.finish(*jobs.claim(worker), state="failed")
    assert jobs.run(operations.requeue([first, second])) == {str(second)}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("''", "unique_key must be a text of 1 to 200 bytes"),
        ("'k', on_duplicate => 'drop'", 'on_duplicate is "drop"'),
        ("'k', unique_until => 'now'", 'unique_until is "now"'),
        (
            "'k', on_duplicate => 'replace', unique_until => 'end'",
            "only a queued job can be replaced",
        ),
        ("'k', '{\"a\": 1}'", "payload has a key"),
    ],
)
def test_what_sql_refuses(jobs, text, said):
    with pytest.raises(Exception, match=said):
        placed(jobs, text)
    assert jobs.value("select count(*) from pgqueue.unique_keys") == 0
