"""A task: called like its function, enqueued with checked arguments, speaking while it runs."""

from __future__ import annotations

import asyncio
import runpy
import sys
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest

from pgqueue import PgQueue
from pgqueue.errors import (
    ConfigurationError,
    InvalidCall,
    InvalidOption,
    InvalidPayload,
    MaxRetriesExceededError,
    Retry,
    StaleClaim,
    UnknownTask,
    UsageError,
)
from pgqueue.making import make_task
from pgqueue.request import Request, current
from pgqueue.result import AsyncResult
from pgqueue.rows import FOREVER


def add(a: int, b: int = 1, *, c: int = 0) -> int:
    """Add up."""
    return a + b + c


def bound(self, number):
    return self, number


async def resize(path):
    return path


@pytest.fixture
def task(recorder):
    return make_task(add, recorder)


@contextmanager
def running(attempt=1, max_retries=3, job="a-job"):
    """Stands where a worker does: inside, the code runs in a job."""
    token = current.set(
        Request(job, f"{__name__}.add", attempt=attempt, max_retries=max_retries, claim=7)
    )
    try:
        yield current.get()
    finally:
        current.reset(token)


# ── a task is its function ──


def test_a_call_runs_the_function_and_sends_nothing(task, recorder):
    assert task(1, c=2) == 4
    assert make_task(bound, recorder, bind=True)(5)[1] == 5
    assert asyncio.run(PgQueue().task(resize)("a.png")) == "a.png"
    assert recorder.asked == []


def test_bind_gives_the_function_its_task(recorder):
    task = make_task(bound, recorder, bind=True)
    assert task(5)[0] is task


def test_it_goes_by_the_functions_name_and_docstring(task):
    assert (task.__name__, task.__doc__, task.__wrapped__) == ("add", "Add up.", add)
    assert task.name == f"{__name__}.add"
    assert repr(task) == f"<task {__name__}.add>"


def test_attributes_of_the_function_do_not_take_the_place_of_the_tasks_own(recorder):
    def function():
        pass

    function.queue = function.database = function.delay = "the function's"
    task = make_task(function, recorder)
    assert (task.queue, task.database) == ("default", recorder)
    assert isinstance(task.delay(), AsyncResult)


# ── enqueueing ──


@pytest.mark.parametrize(
    ("args", "kwargs", "stored"),
    [
        ((1,), {}, ("[1]", "{}")),
        ((1, 2), {"c": 3}, ("[1,2]", '{"c":3}')),
        ((), {"a": 1, "b": 2}, ("[]", '{"a":1,"b":2}')),
    ],
)
def test_what_is_sent_is_one_enqueue_of_the_arguments_as_they_were_given(
    task, recorder, args, kwargs, stored
):
    result = task.delay(*args, **kwargs)
    ((query, connection),) = recorder.asked
    assert (query.name, query.params["task"], connection) == ("enqueue", task.name, None)
    assert (query.params["args"], query.params["kwargs"]) == stored
    assert result.id == str(query.params["id"])


def ways(task, args, kwargs):
    yield lambda: task.delay(*args, **kwargs)
    yield lambda: task.using("connection", countdown=1).delay(*args, **kwargs)
    yield lambda: task.apply_async(args, kwargs)
    yield lambda: asyncio.run(task.adelay(*args, **kwargs))
    yield lambda: asyncio.run(task.using("connection").adelay(*args, **kwargs))
    yield lambda: asyncio.run(task.aapply_async(args, kwargs))


@pytest.mark.parametrize(
    ("args", "kwargs", "reason"),
    [
        ((), {}, "missing a required argument: 'a'"),
        ((1, 2, 3), {}, "too many positional arguments"),
        ((1,), {"a": 2}, "multiple values for argument 'a'"),
        ((1,), {"d": 2}, "got an unexpected keyword argument 'd'"),
    ],
)
def test_arguments_that_do_not_fit_are_refused_and_nothing_is_sent(
    task, recorder, args, kwargs, reason
):
    for way in ways(task, args, kwargs):
        with pytest.raises(InvalidCall) as caught:
            way()
        message = str(caught.value)
        assert message.startswith(
            f"{task.name}(a: 'int', b: 'int' = 1, *, c: 'int' = 0) -> 'int': "
        )
        assert message.endswith(f"{reason}; nothing was enqueued")
    assert recorder.asked == []


def test_a_value_that_json_cannot_hold_is_refused_and_nothing_is_sent(task, recorder):
    for way in ways(task, (1, object()), {}):
        with pytest.raises(InvalidPayload, match=r"^args\[1\]: "):
            way()
    assert recorder.asked == []


def test_every_way_to_enqueue_sends_the_same(task, recorder):
    for way in ways(task, (1, 2), {"c": 3}):
        way()
    sent = [(query.params["args"], query.params["kwargs"]) for query, _ in recorder.asked]
    assert sent == [("[1,2]", '{"c":3}')] * 6
    connections = [connection for _, connection in recorder.asked]
    assert connections == [None, "connection", None, None, "connection", None]


def test_the_first_parameter_of_a_bound_task_is_not_an_argument(recorder):
    task = make_task(bound, recorder, bind=True)
    task.delay(5)
    with pytest.raises(InvalidCall, match=r"\.bound\(number\): too many positional arguments"):
        task.delay("self", 5)
    with pytest.raises(UsageError, match="bind=True needs a first parameter, self"):
        make_task(lambda: None, recorder, bind=True)


def test_the_options_of_the_task_are_those_of_its_jobs_unless_the_call_says_otherwise(recorder):
    options = {"queue": "slow", "priority": 2, "expires": 60, "max_retries": 7}
    task = make_task(add, recorder, **options)
    job = task.job([1], {}, {})
    assert (job.queue, job.priority, job.expires_in, job.max_attempts) == ("slow", 2, 60.0, 8)
    options = {"queue": "fast", "priority": 0, "expires": 1, "max_retries": None}
    job = task.job([1], {}, options)
    assert (job.queue, job.priority, job.expires_in, job.max_attempts) == ("fast", 0, 1.0, FOREVER)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": "a\nb"}, r"task='a\nb': a name"),
        ({"queue": ""}, "queue='': a name"),
        ({"priority": 10}, "priority=10: give 0 to 9"),
        ({"expires": "soon"}, "expires='soon': give a number of seconds"),
    ],
)
def test_a_wrong_option_of_the_task_is_refused_where_it_is_defined(options, message):
    with pytest.raises(InvalidOption) as caught:
        PgQueue().task(**options)
    assert message in str(caught.value)


# ── names ──


@pytest.mark.parametrize("run_as", ["__main__", "__mp_main__"])
@pytest.mark.parametrize("by", ["name", "file"])
def test_a_task_keeps_its_name_when_its_module_is_run(tmp_path, monkeypatch, by, run_as):
    """`python -m shop.jobs`, `python jobs.py`, and processes that multiprocessing spawns."""
    (tmp_path / "shop").mkdir()
    file = tmp_path / "shop" / "jobs.py"
    file.write_text(
        "from pgqueue import PgQueue\napp = PgQueue()\n@app.task\ndef pay():\n    pass\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    if by == "name":
        found = runpy.run_module("shop.jobs", run_name=run_as, alter_sys=True)
        del sys.modules["shop"]
    else:
        found = runpy.run_path(str(file), run_name=run_as)
    assert found["pay"].name == ("shop.jobs.pay" if by == "name" else "jobs.pay")


def test_two_tasks_of_one_name_are_refused_with_their_places():
    app = PgQueue()
    app.task(name="pay")(add)
    app.task(name="pay")(add)  # a module that is imported twice, under two names
    with pytest.raises(ConfigurationError) as caught:
        app.task(name="pay")(bound)
    places = [f"{__file__}:{f.__code__.co_firstlineno}" for f in (add, bound)]
    assert str(caught.value) == (
        f"two tasks are named 'pay': {places[0]} and {places[1]}; give one of them another name="
    )


def test_an_unknown_task_is_refused_with_those_that_there_are():
    app = PgQueue()
    app.task(name="pay")(add)
    assert app.get_task("pay").function is add
    with pytest.raises(UnknownTask, match=r"^no task is named 'pya'; registered are: pay$"):
        app.get_task("pya")


# ── inside a run ──


def test_a_task_makes_handles_of_its_application(task, recorder):
    handle = task.AsyncResult("0198c0de-0000-7000-8000-000000000001")
    assert (handle.id, handle._database) == ("0198c0de-0000-7000-8000-000000000001", recorder)


def test_outside_of_a_run_the_request_says_so(task):
    with running() as request:
        assert task.request is request
        assert not request.called_directly
    assert task.request.called_directly
    assert (task.request.id, task.request.task, task.request.retries) == (None, task.name, 0)


def test_outside_of_a_worker_retry_raises_the_error_itself(task):
    error = OSError("down")
    with pytest.raises(OSError, match="down") as caught:
        task.retry(exc=error)
    assert caught.value is error
    with pytest.raises(Retry, match="the task asked to be retried"):
        task.retry()


def asked_to_retry(task, **options):
    with pytest.raises(Retry) as caught:
        task.retry(**options)
    return caught.value


def test_retry_waits_as_long_as_it_is_told_or_as_the_policy_says(recorder):
    task = make_task(add, recorder, default_retry_delay=42)
    with running():
        assert asked_to_retry(task).countdown == 42
        assert asked_to_retry(task, countdown=0).countdown == 0
        assert asked_to_retry(task, countdown=-5).countdown == 0
        soon = datetime.now(UTC) + timedelta(minutes=1)
        assert 59 < asked_to_retry(task, eta=soon).countdown <= 60
        assert asked_to_retry(task, eta=soon - timedelta(hours=1)).countdown == 0


def test_retry_takes_an_eta_without_a_zone_in_that_of_the_application(task, recorder):
    recorder.conf.timezone = "Asia/Tokyo"
    soon = datetime.now(ZoneInfo("Asia/Tokyo")).replace(tzinfo=None) + timedelta(minutes=1)
    with running():
        assert 58 < asked_to_retry(task, eta=soon).countdown <= 60


def test_retry_keeps_the_error_that_caused_it(task):
    error = OSError("down")
    with running():
        retry = asked_to_retry(task, exc=error)
    assert (retry.exc, retry.__cause__) == (error, error)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"countdown": float("inf")}, "countdown=inf: give a number of seconds"),
        ({"countdown": "1"}, "countdown='1': give a number of seconds"),
        ({"eta": "tomorrow"}, "eta='tomorrow': give a datetime"),
    ],
)
def test_a_wait_that_postgresql_could_not_store_is_refused_in_the_task(task, options, message):
    with running(), pytest.raises(InvalidOption) as caught:
        task.retry(**options)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("attempt", "of_the_job", "of_the_call", "retried"),
    [
        (3, 3, None, True),
        (4, 3, None, False),
        (4, 3, 4, True),
        (1, 3, 0, False),
        (99, None, None, True),
    ],
)
def test_retry_ends_with_the_retries_of_the_job_or_of_the_call(
    task, attempt, of_the_job, of_the_call, retried
):
    with running(attempt, of_the_job, job="j"):
        if retried:
            assert asked_to_retry(task, max_retries=of_the_call)
            return
        with pytest.raises(OSError, match="down"):
            task.retry(exc=OSError("down"), max_retries=of_the_call)
        with pytest.raises(MaxRetriesExceededError, match=rf"\.add\[j\] was tried {attempt} times"):
            task.retry(max_retries=of_the_call)


def changes(task, given_args, given_kwargs, **options):
    """What a retry says of the next attempt of a job that has these arguments."""
    with running() as request:
        request.args, request.kwargs = given_args, given_kwargs
        asked = asked_to_retry(task, **options).changes
        return asked and asked[:4]


@pytest.mark.parametrize(
    ("args", "kwargs", "given", "following"),
    [
        ([1, 2], {"c": 3}, {}, None),
        ([1, 2], {"c": 3}, {"args": [5]}, ("[5]", '{"c":3}', "", "")),
        ([1], {"b": 2}, {"args": [5, 6]}, ("[5,6]", "{}", "", "")),
        ([1, 2], {}, {"kwargs": {"c": 3}}, ("[1,2]", '{"c":3}', "", "")),
        ([1, 2], {"c": 1}, {"kwargs": {"b": 5}}, ("[1,5]", "{}", "", "")),
        ([1], {}, {"args": (), "kwargs": {"a": 5}}, ("[]", '{"a":5}', "", "")),
        ([], {}, {"queue": "other", "priority": 9}, ("", "", "other", "9")),
    ],
)
def test_a_retry_replaces_what_it_is_given_and_keeps_what_that_does_not_concern(
    task, args, kwargs, given, following
):
    assert changes(task, args, kwargs, **given) == following


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"args": [object()]}, r"^args\[0\]: "),
        ({"queue": ""}, "^queue='': a name"),
        ({"priority": 10}, "^priority=10: give 0 to 9"),
    ],
)
def test_a_next_attempt_that_cannot_be_is_refused_in_this_one(task, given, message):
    with running(), pytest.raises((InvalidOption, InvalidPayload), match=message):
        task.retry(**given)


def test_without_throw_the_retry_is_returned_and_kept_for_the_end_of_the_run(task):
    with running() as request:
        retry = task.retry(countdown=5, throw=False)
        assert request.asked is retry
    assert retry.countdown == 5


@pytest.mark.parametrize("exc", [OSError, OSError("down")])
def test_past_the_limit_a_class_is_raised_like_an_instance(task, exc):
    with running(4, 3), pytest.raises(OSError):  # noqa: PT011 (which is the point)
        task.retry(exc=exc)


def test_what_the_next_attempt_would_have_had_is_in_the_error(task):
    with running(4, 3) as request, pytest.raises(MaxRetriesExceededError) as caught:
        request.args = [1]
        task.retry(kwargs={"c": 2})
    assert (caught.value.task_args, caught.value.task_kwargs) == ((1,), {"c": 2})


# ── self.update_state ──


def test_progress_is_one_fenced_statement_on_a_connection_of_its_own(task, recorder):
    recorder.rows["progress"] = [("a-job",)]
    with running() as request:
        task.update_state(state="PROGRESS", meta={"done": 1})
        asyncio.run(task.aupdate_state(task_id=request.id, state="PROGRESS", meta={"done": 1}))
    assert [(query.name, query.params, used) for query, used in recorder.asked] == [
        ("progress", {"id": "a-job", "claim": 7, "note": NOTE}, None)
    ] * 2


NOTE = '{"state":"PROGRESS","meta":{"done":1}}'


def test_the_run_of_a_stale_claim_is_told_so(task, recorder):
    recorder.rows["progress"] = []
    with running(), pytest.raises(StaleClaim, match="claim 7 is not the newest any more"):
        task.update_state(state="PROGRESS")


@pytest.mark.parametrize("state", ["SUCCESS", "FAILURE", "REVOKED"])
def test_an_end_is_no_progress(task, recorder, state):
    with running() as request:
        task.update_state(state=state, meta=1)
        assert request.said == (state, 1)
    assert recorder.asked == []


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"state": None}, UsageError, 'state=None: give a text, such as "PROGRESS"'),
        ({"state": "A", "task_id": "b"}, UsageError, "task_id='b' is not the job that runs here"),
        ({"state": "A", "meta": object()}, InvalidPayload, r"progress\['meta'\]: "),
    ],
)
def test_a_state_that_cannot_be_said_is_refused(task, recorder, given, error, message):
    with running(), pytest.raises(error, match=message):
        task.update_state(**given)
    assert recorder.asked == []


def test_outside_of_a_run_progress_is_said_to_nobody(task, recorder):
    task.update_state(state="PROGRESS")
    assert recorder.asked == []


# ── self.transaction() ──


def in_transaction(task, act=lambda: None):
    with task.transaction() as connection:
        act()
    return connection


def in_async_transaction(task, act=lambda: None):
    async def run():
        async with task.atransaction() as connection:
            act()
        return connection

    return asyncio.run(run())


both_kinds = pytest.mark.parametrize("transaction", [in_transaction, in_async_transaction])


@both_kinds
def test_a_transaction_finishes_the_job_on_the_connection_that_it_lends(
    task, recorder, transaction
):
    job = str(uuid4())
    recorder.rows["finish"] = [(job,)]
    with running(job=job) as request:
        connection = transaction(task, lambda: task.set_result([1]))
    ((query, used),) = recorder.asked
    assert (query.name, used) == ("finish", connection)
    assert query.params["claims"] == "{7}"
    assert query.params["results"] == '{"[1]"}'
    assert request.finished


@both_kinds
def test_a_stale_claim_is_raised_inside_the_transaction(task, recorder, transaction):
    recorder.rows["finish"] = []
    with running() as request, pytest.raises(StaleClaim, match="claim 7 is not the newest"):
        transaction(task)
    assert not request.finished


@both_kinds
def test_an_error_in_the_block_finishes_nothing(task, recorder, transaction):
    with running(), pytest.raises(ZeroDivisionError):
        transaction(task, lambda: 1 / 0)
    assert recorder.asked == []


@both_kinds
def test_a_second_transaction_in_a_run_is_refused(task, recorder, transaction):
    recorder.rows["finish"] = [("a-job",)]
    with running():
        transaction(task)
        with pytest.raises(UsageError, match=r"finishes the job, so there is one per run; use "):
            transaction(task)


@both_kinds
def test_outside_of_a_worker_a_transaction_is_just_one(task, recorder, transaction):
    assert transaction(task) == "a transaction"
    assert recorder.asked == []
