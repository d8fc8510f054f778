"""Three ways to fail: a passing error, one that the task judges itself, and one that is final.

In one terminal `pgq worker -A retries`, in another `python retries.py`, both in this folder and
with PGQUEUE_DSN set. It prints::

    passing: arrived at attempt 3
    judged: arrived at attempt 2
    final: ValueError: no such address
    its attempts: 1
    after the repair: arrived at attempt 1
"""

from __future__ import annotations

from pgqueue import PgQueue, TaskFailed

app = PgQueue("retries")


class Busy(Exception):
    """The other side asks to be left alone for a moment."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"busy for {seconds} s")
        self.seconds = seconds


@app.task(bind=True, autoretry_for=[ConnectionError], max_retries=5, retry_backoff=0.05)
def passing(self) -> str:
    """Fail twice with an error that is retried without being asked to."""
    if self.request.retries < 2:
        raise ConnectionError("no route")
    return f"arrived at attempt {self.request.attempt}"


@app.task(bind=True)
def judged(self) -> str:
    """Decide when to try again, and how often at most."""
    try:
        if self.request.retries == 0:
            raise Busy(0.1)
    except Busy as error:
        raise self.retry(exc=error, countdown=error.seconds, max_retries=3) from error
    return f"arrived at attempt {self.request.attempt}"


@app.task(bind=True, autoretry_for=[Exception], dont_autoretry_for=[ValueError])
def final(self) -> str:
    """Fail for good: trying again would not help, somebody has to repair the address."""
    with app.transaction() as conn:
        (address,) = conn.execute("select address from retries_address").fetchone()
    if address is None:
        raise ValueError("no such address")
    return f"arrived at attempt {self.request.attempt}"


def main() -> None:
    with app.transaction() as conn:
        conn.execute("drop table if exists retries_address")
        conn.execute("create table retries_address (address text)")
        conn.execute("insert into retries_address values (null)")

    print("passing:", passing.delay().get(timeout=30))
    print("judged:", judged.delay().get(timeout=30))

    result = final.delay()
    try:
        result.get(timeout=30)
    except TaskFailed as error:
        print(f"final: {error}")
    print("its attempts:", result.job().attempt)

    with app.transaction() as conn:  # what `pgq jobs retry` does, together with the repair
        conn.execute("update retries_address set address = 'Baker Street 221b'")
        conn.execute("select pgqueue.retry(%s::uuid)", [result.id])
    print("after the repair:", result.get(timeout=30))


if __name__ == "__main__":
    main()
    app.close()
