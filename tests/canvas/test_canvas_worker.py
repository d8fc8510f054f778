"""Every shape of canvas through a real worker."""

from __future__ import annotations

import asyncio

import pytest

from pgqueue import ChordError, ResultTimeout, TaskRevokedError, chain, chord, group
from support.canvas import (
    app,
    errback,
    fail,
    hold,
    log,
    old_errback,
    replaced,
    say,
    spawn,
)  # fmt: skip

PATIENCE = 30


@pytest.fixture
def database(module_database):
    return module_database


@pytest.fixture
def worker(steady_worker, until):
    """The module's worker; what a test leaves waiting is cancelled."""
    yield steady_worker
    with app.transaction() as connection:
        connection.execute("select pgqueue.cancel(id) from pgqueue.jobs_live")
    until(lambda: _is_idle(app))


def test_results_of_parents_outlive_their_rows(worker, connection, lock):
    held = lock(1)
    found = chord([say.s(1), hold.s(1, 2)], say.s()).delay()
    assert found.parent[0].get(PATIENCE) == [1]
    assert found.parent[0].forget()
    held.free()
    assert found.get(PATIENCE) == [[[1], [2]]]


def test_an_ignored_result_is_passed_on(worker):
    quiet = say.s(1).set(ignore_result=True)
    assert chain(quiet, say.s(2)).delay().get(PATIENCE) == [[1], 2]


def test_a_chain_that_fails_in_the_middle(worker, log_table, until):
    last = chain(say.s(1), fail.s("broken"), log.s(2), log.s(3)).delay()
    with pytest.raises(ValueError, match="broken"):
        last.get(PATIENCE)
    states = [each.state for each in (last, last.parent, last.parent.parent, last.root)]
    assert states == ["FAILURE", "FAILURE", "FAILURE", "SUCCESS"]
    assert log_table() == []


@pytest.mark.parametrize("place", range(4))
def test_a_failure_at_any_place_calls_the_errback_of_the_whole_once(
    worker, log_table, until, place
):
    tasks = [fail.s("broken") if place == number else say.s(number) for number in range(4)]
    canvas = chain(tasks[0], chord([tasks[1], tasks[2]], tasks[3]), say.s("end"))
    canvas.link_error(errback.s("mine"))
    last = canvas.delay()
    with pytest.raises((ValueError, ChordError), match="broken"):
        last.get(PATIENCE)
    [line] = until(log_table)
    assert line.startswith("fail [")
    assert line.endswith("broken mine")
    until(lambda: _is_idle(app))
    assert len(log_table()) == 1


def test_a_chord_whose_header_fails_says_who_it_was(worker, log_table, until):
    canvas = chord([say.s(1), fail.s("broken"), say.s(2)], log.s())
    canvas.body.on_error(errback.s())
    found = canvas.delay()
    with pytest.raises(
        ChordError, match=f"Dependency {found.parent[1].id} raised ValueError: brok"
    ):
        found.get(PATIENCE)
    [line] = until(log_table)
    assert line.startswith("log [] {} ChordError")
    assert [each.state for each in found.parent] == ["SUCCESS", "FAILURE", "SUCCESS"]


def test_both_styles_of_errbacks_and_one_that_takes_nothing(worker, log_table, until):
    canvas = fail.s("a", "b").on_error(errback.s("more")).on_error(old_errback.s())
    canvas.link_error(log.si("just this"))
    found = canvas.delay()
    lines = until(lambda: len(log_table()) == 3 and set(log_table()))
    [new] = lines - {found.id, "just this"}
    assert new.startswith("fail ['a', 'b'] {} ")
    assert "ValueError: b more" in new


def test_a_callback_is_not_called_after_a_failure_nor_an_errback_after_a_success(
    worker, log_table, until
):
    ok = say.s(1).on_error(log.si("errback of ok"))
    ok.link(log.si("callback of ok"))
    bad = fail.s("x").on_error(log.si("errback of bad"))
    bad.link(log.si("callback of bad"))
    ok.delay(), bad.delay()
    until(lambda: len(log_table()) == 2 and _is_idle(app))
    assert sorted(log_table()) == ["callback of ok", "errback of bad"]


@pytest.mark.parametrize(
    "canvas",
    [chain(say.s(1), say.s(2)), group(say.s(1), say.s(2)), chord([say.s(1)], say.s(2))],
    ids=lambda canvas: canvas.kind,
)
def test_the_callback_of_a_canvas_gets_its_whole_result(worker, log_table, until, canvas):
    canvas = canvas.clone()
    canvas.link(log.s("and more"))
    result = canvas.delay().get(PATIENCE)
    assert until(log_table) == [f"{result} and more"]


def test_revoking_the_first_of_a_chain_revokes_all_after_it(worker, lock):
    held = lock(1)
    last = chain(hold.s(1), say.s(2), say.s(3)).apply_async(countdown=3600)
    assert last.root.revoke()
    with pytest.raises(TaskRevokedError):
        last.get(PATIENCE)
    assert last.parent.state == "REVOKED"
    held.free()


def test_revoking_what_waits_leaves_what_runs_and_ends_what_follows(worker, lock):
    held = lock(1)
    last = chain(hold.s(1, 1), say.s(2), say.s(3)).delay()
    assert last.parent.revoke()
    held.free()
    with pytest.raises(TaskRevokedError):
        last.get(PATIENCE)
    assert last.root.get(PATIENCE) == [1]


def test_revoking_a_member_revokes_the_body(worker):
    found = chord([say.s(1), say.s(2).set(countdown=3600)], say.s(3)).delay()
    found.parent[1].revoke()
    with pytest.raises(TaskRevokedError, match=f"Dependency {found.parent[1].id}"):
        found.get(PATIENCE)


def test_a_body_that_is_revoked_does_not_run_and_its_header_does(worker, log_table, until, lock):
    held = lock(1)
    found = chord([hold.s(1, 1), say.s(2)], log.s(3)).delay()
    assert found.revoke()
    held.free()
    assert found.parent.get(PATIENCE) == [[1], [2]]
    assert found.state == "REVOKED"
    assert log_table() == []


def test_what_follows_a_task_follows_what_replaces_it(worker, log_table, until):
    whole = replaced.s("chain").set(link=log.s("linked"))
    assert whole.delay().get(PATIENCE) == [["first"], "second"]
    assert until(log_table) == ["[['first'], 'second'] linked"]


def test_when_what_replaces_a_task_fails_it_fails_with_all_that_this_means(
    worker, log_table, until
):
    canvas = chord([replaced.s("failing"), say.s(1)], say.s()).on_error(errback.s("called"))
    found = canvas.delay()
    with pytest.raises(ChordError, match=f"Dependency {found.parent[0].id} raised .*in vain"):
        found.get(PATIENCE)
    assert found.parent[0].state == "FAILURE"
    [line] = until(log_table)
    assert line.endswith("called")


def test_nothing_cannot_replace_a_task(worker):
    with pytest.raises(Exception, match="has no result that the job could become"):
        replaced.delay("empty").get(PATIENCE)


def test_what_a_task_sends_belongs_to_its_family(worker, until):
    around = spawn.delay()
    first = app.AsyncResult(around.get(PATIENCE))
    assert first.job().parent_id == around.id
    assert first.job().root_id == around.id
    assert until(lambda: [each.id for each in around.children]) == [first.id]
    leaf = first.children[0]
    assert leaf.get(PATIENCE) == [["a"], "b"]
    assert around.get_leaf() == [["a"], "b"]
    assert [value for _, value in around.collect()] == [first.id, ["a"], [["a"], "b"]]


def test_delays_count_from_the_release(worker, until):
    last = chain(say.s(1), say.s(2).set(countdown=3600)).delay()
    last.parent.get(PATIENCE)
    until(lambda: last.job().state == "queued")
    job = last.job()
    assert (job.run_at - last.parent.job().finished_at).total_seconds() == pytest.approx(
        3600, abs=5
    )


def test_waiting_for_a_group_fails_as_soon_as_one_has(worker, lock):
    held = lock(1)
    found = group(hold.s(1), fail.s("at once")).delay()
    with pytest.raises(ValueError, match="at once"):
        found.get(PATIENCE)
    with pytest.raises(ResultTimeout, match=r"1 of 2 jobs had not finished after 0\.01 s"):
        found.get(0.01, propagate=False)
    held.free()
    value, error = found.get(PATIENCE, propagate=False)
    assert value == []
    assert isinstance(error, ValueError)
    assert (found.completed_count(), found.ready(), found.successful()) == (1, True, False)


def test_the_twins_of_a_groups_questions(worker):
    async def asked():
        found = await group(say.s(1), say.s(2)).adelay()
        seen = []
        results = await found.aget(PATIENCE, callback=lambda id_, value: seen.append((id_, value)))
        assert seen == [(each.id, value) for each, value in zip(found, results, strict=True)]
        facts = [
            await found.aready(), await found.asuccessful(), await found.afailed(),
            await found.awaiting(), await found.acompleted_count(),
        ]  # fmt: skip
        await found.arevoke()
        await found.aforget()
        late = await found.aready()
        with pytest.raises(ResultTimeout):
            await found.aget(0.01)
        await app.aclose()
        return results, facts, late

    assert asyncio.run(asked()) == ([[1], [2]], [True, True, False, False, 2], False)


def _is_idle(app):
    with app.transaction() as connection:
        return not connection.execute("select from pgqueue.jobs_live").fetchall()
