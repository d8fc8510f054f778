"""`task.apply`, and every call where `task_always_eager` is set: the run is made in place."""

from __future__ import annotations

import asyncio
import datetime
import threading

import pytest

from pgqueue import (
    EagerResult,
    Ignore,
    InvalidCall,
    InvalidPayload,
    MaxRetriesExceededError,
    PgQueue,
    Reject,
    SoftTimeLimitExceeded,
    Task,
    TaskRevokedError,
    UnknownTask,
)
from pgqueue.signals import task_postrun

app = PgQueue("in place", dsn="postgresql://nowhere.invalid/none")


class Own(Exception):
    pass


@app.task
def add(a, b=1):
    return a + b


@app.task
async def later(value):
    await asyncio.sleep(0)
    return [value, threading.get_ident()]


@app.task(bind=True)
def about(self, *args, **kwargs):
    r = self.request
    return [r.id, r.args, r.kwargs, r.is_eager, r.called_directly, r.parent_id, r.root_id]


@app.task
def outer():
    result = about.apply()
    return result.get()


@app.task(bind=True, max_retries=3, default_retry_delay=3600)
def counted(self, log, until):
    log = [*log, self.request.retries]
    if self.request.retries < until:
        self.retry(args=(log, until), exc=Own("not yet"))
    return log


@app.task(autoretry_for=[OSError], max_retries=2, retry_backoff=3600)
def stubborn():
    raise ConnectionError("down")


@app.task
def fails(kind):
    raise {"own": Own("no"), "stop": KeyboardInterrupt, "late": SoftTimeLimitExceeded("late")}[kind]


@app.task(bind=True)
def says(self, what):
    if what == "ignore":
        raise Ignore
    if what == "revoked":
        self.update_state(state="REVOKED")
        raise Ignore
    self.update_state(state="PROGRESS", meta={"done": 1})
    raise Reject("not me", requeue=what == "requeue")


@app.task(bind=True)
def mutates(self, items):
    items.append(len(items))
    if self.request.retries == 0:
        raise self.retry()
    return items


@app.task
def unfit():
    return object()


@pytest.fixture
def eager():
    """The application makes every call in place."""
    app.conf.task_always_eager = True
    yield app
    del app.conf.task_always_eager
    del app.conf.task_eager_propagates


def test_the_result_is_there_and_says_what_a_handle_says():
    result = add.apply((1,), {"b": 2})
    assert isinstance(result, EagerResult)
    assert (result.get(), result.result, result.state, result.status) == (
        3,
        3,
        "SUCCESS",
        "SUCCESS",
    )
    assert (result.ready(), result.successful(), result.failed()) == (True, True, False)
    assert (result.name, result.args, result.kwargs, result.queue) == (
        add.name, [1], {"b": 2}, "default",
    )  # fmt: skip
    assert (result.worker, result.retries, result.traceback, result.forget()) == (
        None, 0, None, False,
    )  # fmt: skip
    assert result.date_done.tzinfo is not None
    assert asyncio.run(result.aget()) == asyncio.run(result.aresult()) == 3


def test_arguments_and_results_go_through_json():
    given = [(1, datetime.date(2026, 1, 2))]
    result = add.apply((given, []))
    assert result.get() == [[1, datetime.date(2026, 1, 2)]]
    with pytest.raises(InvalidPayload, match=r"^args\[0\]: "):
        add.apply((object(),))
    with pytest.raises(InvalidCall):
        add.apply((1, 2, 3))
    with pytest.raises(InvalidPayload, match=r"^result: "):
        unfit.apply().get()


def test_an_option_is_what_it_is_elsewhere():
    result = add.apply((1,), queue="mail", priority=3, headers={"h": 1}, ignore_result=True)
    assert (result.job().queue, result.job().priority, result.get()) == ("mail", 3, None)


def test_a_run_in_place_knows_that_it_is_and_what_is_around_it():
    result = about.apply((1,), {"k": 2})
    assert result.get() == [result.id, [1], {"k": 2}, True, False, None, result.id]
    result = outer.apply()
    assert result.get()[5:] == [result.id, result.id]


def test_retries_are_made_at_once_up_to_the_limit():
    assert counted.apply(([], 3)).get() == [0, 1, 2, 3]
    result = counted.apply(([], 4))
    with pytest.raises(Own, match="not yet"):
        result.get()
    assert (result.state, result.retries, result.job().failures) == ("FAILURE", 3, 3)
    assert counted.apply(([], 3), retries=2).get() == [2, 3]
    assert stubborn.apply().retries == 2


def test_every_attempt_has_the_arguments_as_they_were_sent():
    assert mutates.apply(([7],)).get() == [7, 1]


def test_the_error_is_the_tasks_own_and_raised_when_it_is_asked_for():
    result = fails.apply(("own",))
    assert (result.state, result.failed(), result.successful()) == ("FAILURE", True, False)
    assert isinstance(result.result, Own)
    assert "in fails" in result.traceback
    for ask in (result.get, result.maybe_throw, lambda: asyncio.run(result.aget())):
        with pytest.raises(Own, match="no"):
            ask()
    heard = []
    assert result.get(propagate=False, callback=lambda *a: heard.append(a)) is result.result
    assert heard == [(result.id, result.result)]
    with pytest.raises(Own):
        fails.apply(("own",), throw=True)
    with pytest.raises(KeyboardInterrupt):
        fails.apply(("stop",))


def test_without_retries_left_and_without_a_cause():
    @app.task(bind=True, name="over", max_retries=0)
    def over(self, a, b=None):
        self.retry(kwargs={"b": 5})

    error = over.apply((1,)).result
    assert isinstance(error, MaxRetriesExceededError)
    assert (error.task_args, error.task_kwargs) == ((1,), {"b": 5})


def test_ignore_and_reject():
    assert (says.apply(("ignore",)).state, says.apply(("ignore",)).get()) == ("IGNORED", None)
    with pytest.raises(TaskRevokedError):
        says.apply(("revoked",)).get()
    for what in ("reject", "requeue"):
        result = says.apply((what,))
        assert (result.state, type(result.result)) == ("FAILURE", Reject)


def test_an_async_task_has_a_loop_of_its_own_even_below_a_running_one():
    here = threading.get_ident()
    assert later.apply((1,)).get() == [1, here]

    async def within():
        value, thread = later.apply((2,)).get()
        return value, thread != here, (await later.aapply((3,))).get()

    assert asyncio.run(within()) == (2, True, [3, here])


def test_a_coroutine_calls_in_place_what_is_not_async_too():
    async def within():
        return (await add.aapply((1,))).get()

    assert asyncio.run(within()) == 2


def test_revoking_what_is_over_changes_the_handle_as_in_celery():
    result = add.apply((1,))
    assert result.revoke() is False
    assert result.state == "REVOKED"
    with pytest.raises(TaskRevokedError):
        result.get()


# ── task_always_eager ──


def test_every_way_to_call_is_in_place_without_a_database(eager):
    results = [
        add.delay(1),
        add.apply_async((1,), countdown=3600),
        add.using(None, countdown=3600).delay(1),
        add.s(1).delay(),
        eager.send_task(add.name, (1,)),
        asyncio.run(add.adelay(1)),
        asyncio.run(eager.asend_task(add.name, (1,))),
        asyncio.run(later.aapply_async((1,))),
    ]
    assert all(isinstance(result, EagerResult) for result in results)
    assert [result.get() for result in results[:-1]] == [2] * 7


def test_errors_are_kept_unless_they_are_to_propagate(eager):
    assert fails.delay("own").state == "FAILURE"
    eager.conf.task_eager_propagates = True
    with pytest.raises(Own):
        fails.delay("own")
    assert fails.apply(("own",), throw=False).failed()


def test_a_task_that_is_not_here_cannot_be_called_in_place(eager):
    with pytest.raises(UnknownTask, match="'elsewhere' here, and task_always_eager"):
        eager.send_task("elsewhere")


def test_what_a_task_enqueues_is_called_in_place_too(eager):
    @eager.task(name="enqueues")
    def enqueues():
        return add.delay(1).get()

    assert enqueues.delay().get() == 2


def test_callbacks_and_errbacks_are_called_in_place(eager):
    heard = []

    @eager.task(name="hear")
    def hear(what):
        heard.append(what)

    add.apply_async((1,), link=hear.s())
    result = fails.apply_async(("own",), link_error=hear.s())
    assert heard == [2, result.id]
    add.apply((5,), link=[hear.s(), hear.si("immutable")])
    assert sorted(map(str, heard[2:])) == ["6", "immutable"]


def test_many_calls_are_all_checked_before_the_first_is_made(eager):
    ran = []

    @eager.task(name="run")
    def run(number):
        ran.append(number)
        return number

    calls = [(run, (1,)), run.s(2), ("run", [3])]
    results = eager.enqueue_many(calls)
    assert ([result.get() for result in results], len(results)) == ([1, 2, 3], 3)
    assert [result.get() for result in results[1:]] == [2, 3]
    assert [r.get() for r in asyncio.run(eager.aenqueue_many(calls))] == [1, 2, 3]
    ran.clear()
    with pytest.raises(InvalidCall, match="item 1"):
        eager.enqueue_many([(run, (1,)), (run, ())])
    assert ran == []


# ── what a task says of itself ──


def test_signals_and_handlers_are_called_in_place():
    heard = []

    class Base(Task):
        def on_success(self, retval, task_id, _args, _kwargs):
            heard.append(("on_success", retval, task_id))

    @app.task(base=Base, name="with a handler")
    def handled():
        return 1

    def receive(sender, task_id, state, **_):
        heard.append((sender.name, state, task_id))

    task_postrun.connect(receive, sender=handled)
    try:
        result = handled.apply()
    finally:
        task_postrun.disconnect(receive, sender=handled)
    assert heard == [("on_success", 1, result.id), ("with a handler", "SUCCESS", result.id)]


def test_a_transaction_of_a_run_in_place_commits_and_finishes_nothing(database):
    here = PgQueue("here", dsn=database)

    @here.task(bind=True)
    def writes(self):
        with self.transaction() as connection:
            connection.execute("create table written (a int)")
            self.set_result("in the block")
        return "dropped"

    result = writes.apply()
    assert (result.get(), result.state) == ("in the block", "SUCCESS")
    with here.transaction() as connection:
        assert connection.execute("select count(*) from written").fetchone() == (0,)
        assert connection.execute("select count(*) from pgqueue.jobs").fetchone() == (0,)
    here.close()


@pytest.mark.parametrize("way", ["call", "run"])
def test_a_task_that_another_one_calls_like_a_function_has_no_run_of_its_own(app, way):
    calls = []

    @app.task(bind=True, max_retries=3)
    def inner(self):
        calls.append((self.request.id, self.request.called_directly))
        self.update_state(state="PROGRESS")
        raise self.retry(exc=OSError("down"), countdown=0)

    @app.task(bind=True, max_retries=3)
    def outer(self):
        with pytest.raises(OSError, match="down"):
            (inner if way == "call" else inner.run)()
        return self.request.said, self.request.retries

    assert outer.apply().get() == [None, 0]
    assert calls == [(None, True)]
