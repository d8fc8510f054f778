"""Tasks that speak to their worker: the application of tests/running."""

from __future__ import annotations

import psycopg

from pgqueue import Ignore, PgQueue, Reject, Retry, allow_join_result

app = PgQueue("speaking")


def hold(key):
    """Run for as long as the test holds the advisory lock `key`."""
    with psycopg.connect(app.dsn, autocommit=True) as connection:
        connection.execute("select pg_advisory_xact_lock(%s)", [key])


def note(text):
    """Append to the table that the test made, whatever becomes of the run."""
    with psycopg.connect(app.dsn, autocommit=True) as connection:
        connection.execute("insert into log (text) values (%s)", [text])


@app.task(name="echo")
def echo(*args, **kwargs):
    return [list(args), kwargs]


@app.task(name="request", bind=True)
def request(self, *args, **kwargs):
    return about(self.request)


def about(request):
    names = (
        *("id", "task", "queue", "args", "kwargs", "retries", "attempt", "claim", "max_retries"),
        *("hostname", "delivery_info", "headers", "root_id", "parent_id", "correlation_id", "utc"),
        *("timelimit", "time_limit", "soft_time_limit", "expires", "ignore_result", "is_eager"),
        *("called_directly", "shadow", "priority", "group", "group_index", "chord"),
        "eta",
    )
    return {name: getattr(request, name) for name in names}


@app.task(name="again_as", bind=True, max_retries=3)
def again_as(self, countdown=0, **options):
    """Be tried again with these options, and say what the request is then."""
    if self.request.retries < 1:
        raise self.retry(countdown=countdown, **options)
    return about(self.request)


@app.task(name="again", bind=True, max_retries=3)
def again(self, *args, **kwargs):
    """Be tried again with what `kwargs` hold for self.retry(), until that is over."""
    options = kwargs.pop("options", {})
    if self.request.retries < 1:
        raise self.retry(countdown=0, **options)
    return [list(args), kwargs, self.request.queue, self.request.priority]


@app.task(name="aagain", bind=True, max_retries=3)
async def aagain(self, *args, **kwargs):
    options = kwargs.pop("options", {})
    if self.request.retries < 1:
        raise self.retry(countdown=0, **options)
    return [list(args), kwargs, self.request.queue, self.request.priority]


@app.task(name="again_quietly", bind=True, max_retries=1)
def again_quietly(self, then):
    if self.request.retries == 0:
        retry = self.retry(countdown=0, exc=OSError("first"), throw=False)
        assert isinstance(retry, Retry)
        note("tidied up")
        if then == "raise":
            raise KeyError("then this")
        return "dropped"
    return "second"


@app.task(name="again_over", bind=True, max_retries=0)
def again_over(self, cause):
    try:
        {}[cause]
    except KeyError as error:
        if cause == "as it is":
            raise self.retry(exc=error) from None
        raise self.retry() from error


@app.task(name="limited", max_retries=5, autoretry_for=[OSError], default_retry_delay=3600,
          retry_kwargs={"max_retries": 2, "countdown": 0})  # fmt: skip
def limited():
    raise OSError("down")


@app.task(name="working", bind=True, max_retries=1)
def working(self, key, end="return"):
    self.update_state(state="PROGRESS", meta={"done": self.request.retries})
    hold(key)
    if end == "retry" and self.request.retries == 0:
        raise self.retry(countdown=0)
    if end == "raise":
        raise ValueError("no")
    return "all"


@app.task(name="aworking", bind=True)
async def aworking(self, key):
    await self.aupdate_state(state="PROGRESS", meta={"done": 1})
    connection = await psycopg.AsyncConnection.connect(app.dsn, autocommit=True)
    async with connection:
        await connection.execute("select pg_advisory_xact_lock_shared(%s)", [key])


@app.task(name="in_vain", bind=True)
def in_vain(self, key):
    hold(key)
    self.update_state(state="PROGRESS", meta={})


@app.task(name="ignored", bind=True, max_retries=3, autoretry_for=[Exception])
def ignored(self, state=None, meta=None):
    if state:
        self.update_state(state=state, meta=meta)
    note("ran")
    raise Ignore


@app.task(name="aignored")
async def aignored():
    raise Ignore


@app.task(name="rejected", max_retries=3, autoretry_for=[Exception])
def rejected(reason):
    note("ran")
    raise Reject(reason)


@app.task(name="put_back", bind=True)
def put_back(self):
    if self.request.claim == 1:
        raise Reject("not me", requeue=True)
    return [self.request.claim, self.request.attempt]


@app.task(name="waits", bind=True)
def waits(self, how):
    inner = echo.delay(how)
    if how == "forbidden":
        return inner.get(timeout=30)
    if how == "block":
        with allow_join_result():
            return inner.get(timeout=30)
    return inner.get(timeout=30, disable_sync_subtasks=False)


@app.task(name="awaits")
async def awaits():
    return await (await echo.adelay(1)).aget(timeout=30)


@app.task(name="raises")
def raises(kind):
    raise {"ValueError": ValueError("no", 1), "KeyError": KeyError("k"), "Own": Own("mine")}[kind]


class Own(ValueError):
    pass


@app.task(name="expecting", max_retries=1, autoretry_for=[OSError], throws=(LookupError,))
def expecting(kind):
    raise {"LookupError": KeyError("k"), "OSError": OSError("down")}[kind]


@app.task(name="forgetful", ignore_result=True)
def forgetful(value):
    return value


@app.task(name="parent")
def parent():
    return [echo.delay().id, app.send_task("echo").id]
