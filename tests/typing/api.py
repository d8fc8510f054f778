"""What users write. mypy must accept every line, and find the error in those that ignore one."""

from __future__ import annotations

from concurrent.futures import Future
from datetime import UTC, datetime
from logging import Logger
from typing import Any, assert_type
from uuid import UUID, uuid4

import psycopg

from pgqueue import (
    AsyncResult,
    Enqueued,
    GroupResult,
    InvalidOption,
    PgQueue,
    PgQueueError,
    ResultSet,
    Retry,
    Signature,
    Task,
    TaskFailed,
    celery_setting,
    chain,
    chord,
    crontab,
    current_app,
    get_current_task,
    group,
    shared_task,
)
from pgqueue.errors import JobError, UsageError
from pgqueue.log import get_task_logger
from pgqueue.request import Request
from pgqueue.rows import JobRow, NewJob, Outcome
from pgqueue.schedules import schedule
from pgqueue.signals import Signal, task_prerun

app = PgQueue("shop", dsn="postgresql:///shop", schema="jobs", include=["shop.tasks"])
PgQueue(dns="postgresql:///shop")  # type: ignore[call-arg]

# ── tasks ──


@app.task
def welcome(user_id: int, greeting: str = "hello") -> str:
    return f"{greeting} {user_id}"


@app.task(
    queue="mail",
    max_retries=None,
    autoretry_for=[OSError],
    retry_backoff=2,
    expires=60,
    time_limit=60,
    soft_time_limit=None,
)
def send(to: str, *copies: str, urgent: bool = False) -> None: ...


@app.task
async def resize(path: str, width: int) -> bytes:
    return path.encode() * width


@app.task(name="shrink", priority=9)
async def shrink(path: str) -> int:
    return len(path)


@app.task(bind=True)
def charge(self: Task[..., Any], amount: int) -> float:
    assert_type(self.request, Request)
    assert_type(self.request.claim, int)
    if amount < 0:
        raise self.retry(exc=ValueError("negative"), countdown=1.5, headers={"seen": 1}, expires=60)
    with self.transaction() as connection:
        connection.execute("select 1")
        self.set_result(1.0)
    return 0.5


@app.task(bind=True, max_retries=5)
async def acharge(self: Task[..., Any], amount: int) -> float:
    async with self.atransaction():
        self.set_result(amount)
    return 0.5


app.task(max_retries="five")  # type: ignore[call-overload]
app.task(retries=5)  # type: ignore[call-overload]


@app.task(bind=True)  # type: ignore[arg-type]
def no_self() -> None: ...


# ── a task is still its function ──

assert_type(welcome(42), str)
assert_type(welcome(42, greeting="bye"), str)
assert_type(charge(1), float)
welcome("42")  # type: ignore[arg-type]
charge(welcome, 1)  # type: ignore[call-arg, arg-type]


async def call() -> None:
    assert_type(await resize("a.png", 100), bytes)
    assert_type(await shrink("a.png"), int)
    assert_type(await acharge(1), float)
    await resize("a.png")  # type: ignore[call-arg]
    await welcome(42)  # type: ignore[misc]
    resize("a.png", 100)  # type: ignore[unused-coroutine]


# ── enqueueing keeps the parameters, and knows the result's type ──

assert_type(welcome.delay(42), AsyncResult[str])
assert_type(welcome.delay(user_id=42, greeting="bye"), AsyncResult[str])
assert_type(send.delay("a", "b", "c", urgent=True), AsyncResult[None])
assert_type(charge.delay(1), AsyncResult[float])
welcome.delay()  # type: ignore[call-arg]
welcome.delay("42")  # type: ignore[arg-type]
welcome.delay(42, greting="bye")  # type: ignore[call-arg]
welcome.delay(42, countdown=60)  # type: ignore[call-arg]
charge.delay(charge, 1)  # type: ignore[call-arg, arg-type]
send.delay("a", urgent="yes")  # type: ignore[arg-type]

# A coroutine function's result is what it returns, not the coroutine.
assert_type(resize.delay("a.png", 100), AsyncResult[bytes])
assert_type(shrink.delay("a.png"), AsyncResult[int])
assert_type(acharge.delay(1), AsyncResult[float])
resize.delay("a.png")  # type: ignore[call-arg]
acharge.delay("1")  # type: ignore[arg-type]


async def enqueue(aconnection: psycopg.AsyncConnection) -> None:
    assert_type(await welcome.adelay(42), AsyncResult[str])
    assert_type(await resize.adelay("a.png", 100), AsyncResult[bytes])
    assert_type(await shrink.using(aconnection).adelay("a.png"), AsyncResult[int])
    assert_type(await resize.aapply_async(["a.png", 100], countdown=1), AsyncResult[bytes])
    assert_type(await app.asend_task("shop.welcome", [42], queue="mail"), AsyncResult[Any])
    await welcome.adelay("42")  # type: ignore[arg-type]
    welcome.adelay(42)  # type: ignore[unused-coroutine]
    async with app.atransaction() as connection:
        await welcome.using(connection).adelay(42)


# ── connections and options ──


def options(connection: psycopg.Connection) -> None:
    assert_type(welcome.using(connection).delay(42), AsyncResult[str])
    assert_type(resize.using(connection, countdown=60).delay("a", 1), AsyncResult[bytes])
    welcome.using(
        connection, countdown=1, queue="slow", priority=5, max_retries=None, time_limit=5
    ).delay(42)
    welcome.using(eta=datetime.now(UTC), expires=3600.0, task_id=uuid4(), notify=False)
    welcome.using(expires=datetime.now(UTC), headers={"trace": "1"}, task_id=str(uuid4()))
    welcome.using(connection, countdown=60).delay("42")  # type: ignore[arg-type]
    welcome.using(connection, countdonw=60)  # type: ignore[call-arg]
    welcome.using(countdown="soon")  # type: ignore[arg-type]
    welcome.using(eta=60)  # type: ignore[arg-type]
    assert_type(welcome.apply_async([42], {"greeting": "bye"}, priority=9), AsyncResult[str])
    welcome.apply_async((42,), connection=connection)
    welcome.apply_async((42,), countdonw=1)  # type: ignore[call-arg]
    assert_type(welcome.job([42], {}, {}), NewJob)
    assert_type(app.send_task("shop.welcome", [42], {"greeting": "bye"}), AsyncResult[Any])
    app.send_task(welcome)  # type: ignore[arg-type]
    with app.transaction() as own:
        welcome.using(own).delay(42)
    with app.bind("default") as alias:
        assert_type(alias, str)
    with app.bind(None):
        welcome.using("default").delay(42)


# ── signatures and many jobs at once ──


def many(connection: psycopg.Connection) -> None:
    assert_type(welcome.s(42), Signature[str])
    assert_type(resize.si("a.png", 100), Signature[bytes])
    assert_type(welcome.s().set(queue="mail").clone([42], priority=9), Signature[str])
    assert_type(welcome.s(42).delay(), AsyncResult[str])
    assert_type(resize.s(100).apply_async(["a"], connection=connection), AsyncResult[bytes])
    welcome.s(42).set(queu="mail")  # type: ignore[call-arg]
    welcome.s(42).apply_async(countdown="soon")  # type: ignore[arg-type]
    assert_type(app.enqueue_many((welcome, (user,)) for user in range(3)), Enqueued)
    assert_type(app.enqueue_many([welcome.s(1), resize.si("a", 1)])[0], AsyncResult[Any])
    assert_type(
        app.enqueue_many(map(welcome.s, [1, 2]), connection=connection)[1:], list[AsyncResult[Any]]
    )
    app.enqueue_many([("shop.welcome", [1], {}, {"queue": "mail"}), (welcome, (2,))])
    app.enqueue_many([(welcome, (1,), {}, {"queu": "mail"})])  # type: ignore[typeddict-unknown-key]
    app.enqueue_many([(welcome, "abc")])  # type: ignore[list-item]
    app.enqueue_many([welcome])  # type: ignore[list-item]


# ── canvas ──


def canvas() -> None:
    one = group(welcome.s(1), resize.s("a", 1))
    assert_type(one(), GroupResult)
    assert_type((one.delay(), one.apply_async(countdown=1), one.freeze()), Groups)
    assert_type(one.apply().get(), list[Any])
    assert_type(one.delay().results[0], AsyncResult[Any] | ResultSet)
    assert_type(one.skew(1, 10).set(queue="slow"), group)
    assert_type(welcome.chunks([(1,), (2,)], 10).delay(), GroupResult)
    assert_type(welcome.chunks([(1,), (2,)], 10).group(), group)
    assert_type((welcome.s(1) | resize.s(1)).delay(), AsyncResult[bytes])
    assert_type(~(welcome.s(1) | resize.s(1) | welcome.si(2)), str)
    assert_type(chain(welcome.s(1), resize.s(1)).delay(), AsyncResult[Any])
    assert_type(chord(one, welcome.s()).delay(), AsyncResult[Any])
    assert_type((one | welcome.s()).delay(), AsyncResult[str])
    assert_type(welcome.s(1).on_error(welcome.si(2)), Signature[str])
    (welcome.s(1) | one).delay().join()
    one.delay("x", countdown=1).job()  # type: ignore[attr-defined]
    welcome.s(1) | welcome  # type: ignore[operator]


Groups = tuple[GroupResult, GroupResult, GroupResult]


async def amany(aconnection: psycopg.AsyncConnection) -> None:
    assert_type(await resize.s("a.png", 100).adelay(), AsyncResult[bytes])
    assert_type(await resize.s(1).aapply_async(["a"]), AsyncResult[bytes])
    jobs = await app.aenqueue_many([welcome.s(1)], connection=aconnection)
    assert_type([await job.aget() for job in jobs], list[Any])
    app.aenqueue_many([])  # type: ignore[unused-coroutine]


# ── results ──


def results(result: AsyncResult[str], job: UUID) -> None:
    assert_type(result.id, str)
    assert_type(result.state, str)
    assert_type(result.get(timeout=1), str)
    assert_type(result.result, str | Exception | None)
    assert_type(result.traceback, str | None)
    assert_type(result.job(), JobRow | None)
    assert_type((result.ready(), result.revoke()), tuple[bool, bool])
    assert_type(resize.delay("a.png", 100).get(), bytes)
    assert_type(app.AsyncResult(job), AsyncResult[Any])
    assert_type(AsyncResult(job, app=app).get(), Any)
    assert_type(welcome.AsyncResult(job), AsyncResult[Any])
    assert_type(app.outcome(result.id), Future[Outcome])
    length: int = result.get()  # type: ignore[assignment]
    result.get("1 s")  # type: ignore[arg-type]
    app.AsyncResult(length)  # type: ignore[arg-type]


async def aresults(result: AsyncResult[str]) -> None:
    assert_type(await result.aget(1), str)
    assert_type(await result.aresult(), str | Exception | None)
    assert_type(await result.astate(), str)
    assert_type(await (await resize.adelay("a.png", 100)).aget(), bytes)


# ── signals and logging ──


@task_prerun.connect
def plainly(task_id: str, **kwargs: object) -> int:
    return len(task_id)


@task_prerun.connect(sender=welcome, weak=False, dispatch_uid="once")
async def with_options(**kwargs: object) -> None: ...


def connecting(signal: Signal) -> None:
    assert_type(plainly("id"), int)
    assert_type(signal.disconnect(plainly, sender=welcome), bool)
    assert_type(get_task_logger(__name__), Logger)
    signal.connect(plainly, once=True)  # type: ignore[call-overload]


# ── errors ──

try:
    welcome.delay(42).get()
except TaskFailed as failed:
    assert_type((failed.type, failed.message, failed.traceback), tuple[str, str, str | None])
except (JobError, UsageError, InvalidOption):
    raise
except PgQueueError as error:
    raise Retry(exc=error, countdown=1) from error


# ── classes, shared tasks, settings ──


class Billing(Task[..., Any]):
    queue = "billing"
    max_retries = None
    audited: bool = False

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return super().__call__(*args, **kwargs)

    def on_failure(
        self, exc: BaseException, task_id: str, args: Any, kwargs: Any, einfo: Any
    ) -> None: ...


class Closing(Task[[str], int]):
    def run(self, day: str) -> int:
        return len(day)


@app.task(base=Billing, audited=True)
def bill(amount: int) -> str:
    return str(amount)


@app.task(base=Billing, bind=True)
async def abill(self: Billing, amount: int) -> str:
    return f"{self.audited} {amount}"


@shared_task
def notify(user_id: int) -> str:
    return str(user_id)


@shared_task(bind=True, pydantic=True, throws=[KeyError], retry_kwargs={"max_retries": 5})
def notify_all(self: Task[..., Any], *user_ids: int) -> int:
    return len(user_ids)


assert_type(bill.delay(5), AsyncResult[str])
assert_type(abill.delay(5), AsyncResult[str])
assert_type(notify.delay(5), AsyncResult[str])
assert_type(notify_all.delay(5, 6), AsyncResult[int])
assert_type(app.register_task(Closing()).delay("monday"), AsyncResult[int])
assert_type(app.register_task(Closing), Task[[str], int])
bill.delay("5")  # type: ignore[arg-type]
shared_task(max_retry=5)  # type: ignore[call-overload]
app.task(rate_limit="10/m", ignore_result="yes")  # type: ignore[call-overload]
notify.max_retries = None
app.conf.task_default_queue = "shop"
app.config_from_object({"task_default_queue": "shop"}, namespace="CELERY")
app.autodiscover_tasks(["shop"])
app.autodiscover_tasks(lambda: ["shop"], related_name="jobs", force=True)
assert_type(current_app.name, str)
assert_type(get_current_task(), Task[Any, Any] | None)
meaning = celery_setting("task_routes")
assert meaning is not None
assert_type(meaning.note, str)

# ── schedules ──


@app.periodic_task(crontab(minute=0, hour="9-17"), overlap="skip", timezone="Europe/Oslo")
def hourly() -> None: ...


app.conf.beat_schedule = {"tidy": {"task": "shop.tidy", "schedule": schedule(30)}}
assert_type(app.add_periodic_task("*/5 * * * *", welcome.s(1), name="five", catch_up=3), str)
app.add_periodic_task([], welcome.s(1))  # type: ignore[arg-type]
crontab(minute=1.5)  # type: ignore[arg-type]
