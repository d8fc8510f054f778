"""A canvas is sent at once, in the caller's transaction, and its jobs stand in the database."""

from __future__ import annotations

import asyncio
import json

import pytest

from pgqueue import GroupResult, chain, chord, group, signature
from pgqueue.identifiers import uuid7
from support.canvas import add, app, fail, log, say, total


@pytest.fixture
def rows(connection):
    """(state, args) of all jobs in the order in which they were made."""

    def rows():
        found = connection.execute(
            "select state::text, args from pgqueue.jobs order by created_at, id"
        ).fetchall()
        return [(state, args) for state, args in found]

    return rows


def test_a_canvas_is_there_as_a_whole_with_only_its_first_tasks_due(at_home, rows):
    chain(say.s(0), group(say.s(1), say.s(2)), say.s(3)).delay()
    assert rows() == [("queued", [0]), ("waiting", [1]), ("waiting", [2]), ("waiting", [3])]


def test_it_is_part_of_the_callers_transaction(at_home, rows):
    with pytest.raises(KeyError), at_home.transaction():
        chord([say.s(0), say.s(1)], say.s(2)).delay()
        group(say.s(i) for i in range(200)).delay()
        say.apply_async((3,), link=say.s(4))
        raise KeyError
    assert rows() == []
    with at_home.transaction() as connection:
        chord([say.s(0)], say.s(1)).apply_async(connection=connection)
        assert rows() == []
    assert len(rows()) == 2


def test_it_joins_a_transaction_that_is_bound_or_given_in_a_coroutine(at_home, rows):
    async def sent():
        async with at_home.atransaction() as connection:
            await chain(say.s(0), say.s(1)).adelay()
            await group(say.s(2), say.s(3)).aapply_async(connection=connection)
            before = len(rows())
        await chord([say.s(4)], say.s(5)).adelay()
        await at_home.aclose()
        return before

    assert asyncio.run(sent()) == 0
    assert len(rows()) == 6


def test_what_is_wrong_anywhere_leaves_nothing(at_home, rows):
    with pytest.raises(TypeError):
        chain(say.s(0), say.s(1), group(add.s(1, 2, 3))).delay()
    assert rows() == []


def test_callbacks_make_a_canvas_of_a_call_in_every_form(at_home, rows):
    say.apply_async((0,), link=say.s(1), link_error=fail.s())
    at_home.send_task("say", (0,), link=[say.s(1)])
    say.using(link=say.s(1)).delay(0)
    say.s(0).apply_async(link=say.s(1))

    async def twins():
        await say.aapply_async((0,), link=say.s(1))
        await at_home.asend_task("say", (0,), link=say.s(1))
        await at_home.aclose()

    asyncio.run(twins())
    assert rows() == [("queued", [0]), ("waiting", [1])] * 6


def test_a_dict_is_sent_by_name_although_nobody_here_knows_the_task(at_home, connection):
    said = json.loads(json.dumps(signature("far.away", (1,)) | signature("further", queue="q")))
    signature(said, app=at_home).delay()
    found = connection.execute("select task, queue, state::text from pgqueue.jobs order by id")
    assert found.fetchall() == [("far.away", "default", "queued"), ("further", "q", "waiting")]


def test_a_frozen_canvas_has_the_ids_that_were_promised(at_home, connection):
    canvas = chain(say.s(0), group(say.s(1), say.s(2)), say.s(3))
    frozen = canvas.freeze()
    assert canvas.delay() == frozen
    ids = {str(id_) for (id_,) in connection.execute("select id from pgqueue.jobs")}
    assert ids == {frozen.id, frozen.root.id, *(each.id for each in frozen.parent)}


def test_parents_roots_and_children_are_found(at_home):
    last = chain(say.s(0), group(say.s(1), say.s(2)), say.s(3)).delay()
    first = last.root
    assert {each.id for each in first.children} == {each.id for each in [*last.parent, last]}
    assert last.job().parent_id == first.id
    assert {last.job().root_id, first.job().root_id} == {first.id}
    assert last.children == []
    assert next(each for _, each in first.iterdeps()) == first
    assert asyncio.run(_achildren(first)) == first.children


async def _achildren(result):
    found = await result.achildren()
    await app.aclose()
    return found


def test_a_group_is_one_statement_in_one_round_trip(at_home, connection, monkeypatch):
    asked = []
    run = type(at_home).run
    monkeypatch.setattr(
        type(at_home), "run", lambda self, q, c=None: asked.append(q.name) or run(self, q, c)
    )
    found = group(say.s(i) for i in range(1_000)).delay()
    chord((say.s(i) for i in range(1_000)), total.si([1])).delay()
    assert asked == ["enqueue_many", "enqueue_canvas"]
    assert isinstance(found, GroupResult)
    assert not found.ready()
    assert found.waiting()
    assert found.completed_count() == 0
    assert asked[2:] == ["outcomes"] * 3
    assert connection.execute("select count(*) from pgqueue.jobs").fetchone() == (2_001,)


def test_a_group_is_saved_restored_and_deleted(at_home):
    sent = group(say.s(1), say.s(2)).delay()
    assert GroupResult.restore(sent.id, app=at_home) is None
    assert sent.save() == sent
    again = GroupResult.restore(sent.id, app=at_home)
    assert again == sent
    assert again.as_tuple() == sent.as_tuple()
    sent.delete()
    assert GroupResult.restore(sent.id, at_home) is None

    async def twins():
        await sent.asave()
        found = await GroupResult.arestore(str(sent.id), at_home)
        await sent.adelete()
        none = await GroupResult.arestore(uuid7(), at_home)
        await at_home.aclose()
        return found, none

    assert asyncio.run(twins()) == (sent, None)


def test_revoking_a_group_cancels_its_members_and_what_waits_for_them(at_home, rows):
    sent = chord([say.s(0), say.s(1)], say.s(2)).delay()
    sent.parent.revoke()
    assert {state for state, _ in rows()} == {"cancelled"}
    assert sent.state == "REVOKED"
    assert sent.parent.ready()
    assert not sent.parent.failed()


def test_an_errback_is_not_there_before_something_fails(at_home, rows):
    chain(say.s(0), say.s(1)).on_error(log.s()).delay()
    assert len(rows()) == 2


def test_an_empty_canvas_sends_nothing(at_home, rows):
    assert chain().delay().get() == []
    assert group().delay().get() == []
    assert chain(group(), chain()).delay().get() == []
    assert group().delay().ready()
    assert group().delay().successful()
    assert rows() == []
