"""Tasks that count apples, and write down what cannot be seen from outside."""

from __future__ import annotations

import psycopg

from pgqueue import allow_join_result

from .celery import app


def write(key, text):
    with app.transaction() as connection:
        connection.execute("insert into journal (key, text) values (%s, %s)", [str(key), text])


@app.task
def pour(basket, other, *, washed=None):
    return basket + other if washed is None else [basket + other, washed]


@app.task
def times(apples, factor):
    return apples * factor


@app.task
def take(apples, away):
    return apples - away


@app.task
def count_all(baskets):
    return sum(baskets)


@app.task
def rot(*args):
    raise ValueError("something rotten")


@app.task
def note(apples, key):
    write(key, str(apples))
    return apples


@app.task
def ring(key):
    """A callback that takes no result."""
    write(key, "ring")


@app.task(bind=True)
def hold(self, apples, key):
    """Run for as long as the test holds the advisory lock `key`."""
    with psycopg.connect(app.dsn, autocommit=True) as connection:
        connection.execute("select pg_advisory_xact_lock_shared(%s)", [key])
    return apples


@app.task
def report(request, exc, traceback):
    """An errback of the newer kind."""
    write(request.id, f"{exc!r} {'in rot' in str(traceback)}")


@app.task
def report_by_id(task_id):
    """An errback of the older kind: it gets the id, and looks the error up."""
    with allow_join_result():
        error = app.AsyncResult(task_id).get(propagate=False)
    write(task_id, repr(error))


@app.task(bind=True)
def hello(self, a, b, key):
    self.update_state(state="PROGRESS", meta={"progress": 50})
    hold.run(0, key)
    return f"hello world: {a + b}"


@app.task(bind=True, max_retries=5)
def third_time(self, countdown):
    write(self.request.id, str(self.request.retries))
    if self.request.retries < 2:
        raise self.retry(countdown=countdown)
    return self.request.retries


@app.task(ignore_result=True)
def sweep():
    return "swept"


@app.task(bind=True)
def headers(self):
    return self.request.headers


@app.task
def flat(lists):
    return [each for part in lists for each in part]


@app.task
def slow():
    """Nobody calls it: its limits are changed."""
