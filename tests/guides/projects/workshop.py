"""Tasks with every option, class and way of ending."""

# ruff: noqa: ARG002, B904 (handlers and retries are written as users write them)

from __future__ import annotations

import functools
import time

import psycopg
from pydantic import BaseModel

from pgqueue import (
    Ignore,
    PgQueue,
    Reject,
    SoftTimeLimitExceeded,
    Task,
    allow_join_result,
    shared_task,
)
from pgqueue.log import get_task_logger

app = PgQueue("workshop")
logger = get_task_logger(__name__)


def write(key, text):
    with psycopg.connect(app.dsn, autocommit=True) as connection:
        connection.execute("insert into journal (key, text) values (%s, %s)", [str(key), text])


def wait_for_lock(key):
    with psycopg.connect(app.dsn, autocommit=True) as connection:
        connection.execute("select pg_advisory_xact_lock_shared(%s)", [key])


def double(function):
    @functools.wraps(function)
    def doubled(*args):
        return 2 * function(*args)

    return doubled


@app.task
def saw(length, cut):
    return [length - cut, cut]


@app.task(name="glue-two-boards")
def glue(board, other):
    return board + other


@app.task
@double
@double
def doubled(length):
    return length


@shared_task
def shared(length):
    return length + 1


@app.task(
    max_retries=5,
    default_retry_delay=30,
    rate_limit="100/m",
    time_limit=60,
    soft_time_limit=50,
    ignore_result=True,
    acks_late=True,
    track_started=True,
    serializer="json",
    throws=(KeyError,),
    queue="bench",
    priority=3,
)
def with_options():
    pass


@app.task(bind=True, time_limit=30, soft_time_limit=20)
def about(self, *args, **kwargs):
    fields = (
        "id", "args", "kwargs", "retries", "is_eager", "hostname", "delivery_info", "expires",
        "called_directly", "headers", "root_id", "parent_id", "group", "chord", "correlation_id",
        "utc", "timelimit", "time_limit", "soft_time_limit",
    )  # fmt: skip
    return {name: getattr(self.request, name) for name in fields}


@app.task(bind=True)
def family(self):
    return [self.request.root_id, self.request.parent_id]


@app.task
def caller():
    return family.delay().id


@app.task(bind=True)
def which_group(self):
    return [self.request.group, self.request.group_index]


@app.task
def talk(text):
    logger.info("I say: %s", text)


@app.task(typing=False)
def untyped(length, cut):
    return length - cut


class Board(BaseModel):
    length: int


class Label(BaseModel):
    text: str


@app.task(pydantic=True)
def measure(board: Board | None = None) -> Label | None:
    if board is None:
        return None
    assert isinstance(board, Board)
    return Label(text=f"{board.length} cm")


@app.task(bind=True, default_retry_delay=0)
def flaky(self, failures):
    write(self.request.id, str(self.request.retries))
    try:
        if self.request.retries < failures:
            raise ConnectionError("no glue")
    except ConnectionError as error:
        raise self.retry(exc=error)
    return "done"


@app.task(bind=True, max_retries=1)
def hopeless(self):
    raise self.retry(countdown=0)


@app.task(bind=True, default_retry_delay=30 * 60)
def slow_to_retry(self, countdown):
    try:
        raise ValueError("not today")
    except ValueError as error:
        raise self.retry(exc=error, countdown=countdown)


@app.task(
    bind=True,
    autoretry_for=(OSError,),
    dont_autoretry_for=(FileNotFoundError,),
    retry_kwargs={"max_retries": 2, "countdown": 0},
)
def autoretried(self, kind):
    write(self.request.id, str(self.request.retries))
    raise {"OSError": OSError, "FileNotFoundError": FileNotFoundError}[kind]("again")


class Patient(Task):
    autoretry_for = (TypeError,)
    max_retries = 5
    retry_backoff = True
    retry_backoff_max = 3
    retry_jitter = False


@app.task(base=Patient)
def patient():
    raise TypeError("wait for me")


@app.task(bind=True)
def upload(self, files, key):
    for number, _ in enumerate(files):
        if not self.request.called_directly:
            self.update_state(state="PROGRESS", meta={"current": number, "total": len(files)})
    wait_for_lock(key)
    return len(files)


@app.task(ignore_result=True)
def silent(*, fail):
    if fail:
        raise ValueError("loud")
    return "unheard"


@app.task(throws=(KeyError,))
def expected():
    raise KeyError("no such board")


@app.task(bind=True)
def ignoring(self):
    write(self.request.id, "ran")
    raise Ignore


@app.task(bind=True, acks_late=True)
def rejecting(self, *, requeue):
    if not requeue:
        raise Reject("too big", requeue=False)
    if not self.request.delivery_info["redelivered"]:
        raise Reject("no reason", requeue=True)
    return "received two times"


class Handled(Task):
    def before_start(self, task_id, args, kwargs):
        write(task_id, f"before {list(args)}")

    def on_success(self, retval, task_id, args, kwargs):
        write(task_id, f"success {retval}")

    def on_failure(self, exc, task_id, args, kwargs, einfo):
        write(task_id, f"failure {exc} {'in handled' in str(einfo)}")

    def on_retry(self, exc, task_id, args, kwargs, einfo):
        write(task_id, f"retry {exc}")

    def after_return(self, status, retval, task_id, args, kwargs, einfo):
        write(task_id, f"return {status}")


@app.task(base=Handled, bind=True)
def handled(self, what):
    write(self.request.id, "run")
    if what == "fail":
        raise ValueError("asked to")
    if what == "retry" and not self.request.retries:
        raise self.retry(exc=ValueError("asked to"), countdown=0)
    return what


class Counted(Task):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.number = 0


@app.task(base=Counted, bind=True)
def counted(self):
    self.number += 1
    return self.number


class Check(Task):
    name = "workshop.Check"

    def __init__(self):
        self.users = {"george": "password"}

    def run(self, user, password):
        return self.users.get(user) == password


check = app.register_task(Check())


@app.task
def long():
    try:
        time.sleep(60)
    except SoftTimeLimitExceeded:
        return "cleaned up"


@app.task
def waiting(*, allowed):
    result = glue.delay("a", "b")
    if not allowed:
        return result.get(timeout=20)
    with allow_join_result():
        return result.get(timeout=20)
