"""What is promised of a job enqueued on the caller's connection, on every kind of connection."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from kinds import ATOMIC, AUTOCOMMIT, KINDS, AsyncDjango

from pgqueue import PgQueue, operations
from pgqueue.errors import SchemaMismatch, UsageError
from pgqueue.identifiers import uuid7
from pgqueue.rows import NewJob
from support.jobs import Jobs

EVERY_KIND = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
TEXTS = ("naïve 🐘", 'it\'s "quoted" \\ back', "100 % %s %(id)s $1 :x ?", "", "\n\t")


@pytest.fixture
def held(kind, database, open_kind):
    """The connection that the application holds."""
    return open_kind(kind, database)


def new_jobs(number):
    return [NewJob(uuid7(), "add", "[]", "{}") for _ in range(number)]


@EVERY_KIND
def test_a_job_becomes_visible_with_the_callers_commit(held, add, queued):
    held.begin()
    first = held.enqueue(add, 1)
    second = held.enqueue(add, 2)
    assert queued() == []
    held.commit()
    assert queued() == [first.id, second.id]


@EVERY_KIND
def test_a_rollback_takes_the_job_along(held, add, queued):
    held.begin()
    held.enqueue(add, 1)
    held.rollback()
    assert queued() == []
    held.begin()
    kept = held.enqueue(add, 2)
    held.commit()
    assert queued() == [kept.id]


@EVERY_KIND
def test_a_rollback_to_a_savepoint_takes_only_what_came_after_it(held, add, queued):
    held.begin()
    before = held.enqueue(add, 1)
    held.savepoint()
    held.enqueue(add, 2)
    held.undo()
    after = held.enqueue(add, 3)
    held.commit()
    assert queued() == [before.id, after.id]


@EVERY_KIND
def test_a_unique_key_is_held_with_the_callers_commit(held, add, queued):
    held.begin()
    kept = held.enqueue(add, 1, unique_key="k")
    held.savepoint()
    held.enqueue(add, 2, unique_key="undone")
    held.undo()
    again = held.enqueue(add, 3, unique_key="k")
    new = held.enqueue(add, 4, unique_key="undone", unique_for=60)
    held.commit()
    assert (kept, again.existing, new.existing) == (again, True, False)
    assert queued() == [kept.id, new.id]


@EVERY_KIND
def test_a_job_and_a_business_row_become_visible_at_once(held, add, connection):
    connection.execute("create table orders (id integer)")
    both = "select (select count(*) from orders), (select count(*) from pgqueue.jobs)"
    held.begin()
    held.execute("insert into orders values (1)")
    held.enqueue(add, 1)
    assert connection.execute(both).fetchone() == (0, 0)
    held.commit()
    assert connection.execute(both).fetchone() == (1, 1)


@EVERY_KIND
def test_bound_tasks_and_tasks_by_name_join_it_too(held, app, add, queued):
    held.begin()
    bound = held.enqueue_bound(app, add, 1)
    sent = held.send(app, "other", 2)
    assert queued() == []
    held.commit()
    assert queued() == [bound.id, sent.id]


@EVERY_KIND
def test_every_option_and_every_text_arrives(held, add, connection):
    now = datetime.now(UTC).replace(microsecond=123456)
    options = {
        "queue": "mail",
        "priority": 9,
        "eta": now + timedelta(hours=1),
        "expires": now + timedelta(hours=2),
        "task_id": uuid7(),
        "headers": {"by": list(TEXTS)},
        "max_retries": 7,
    }
    held.begin()
    job = held.enqueue(add, *TEXTS, {"big": 2**70, "small": 1e-9, "none": None}, **options)
    held.commit()
    row = connection.execute(
        "select queue, priority, run_at, expires_at, id, headers, max_attempts, args, kwargs "
        "from pgqueue.jobs"
    ).fetchone()
    args = [*TEXTS, {"big": 2**70, "small": 1e-9, "none": None}]
    wanted = list(options.values())
    assert row == (*wanted[:6], 8, args, {})
    assert job.id == str(options["task_id"])


@EVERY_KIND
def test_spans_of_time_arrive_and_what_is_not_said_is_the_default(held, add, connection):
    held.begin()
    held.enqueue(add, 1, countdown=90.25, expires=120.5)
    held.enqueue(add, 2)
    held.commit()
    spans = (
        "select run_at - created_at, expires_at - created_at, queue, priority, headers, "
        "max_attempts from pgqueue.jobs order by id"
    )
    timed, plain = connection.execute(spans).fetchall()
    assert timed[:2] == (timedelta(seconds=90.25), timedelta(seconds=120.5))
    assert plain == (timedelta(0), None, "default", 0, None, 4)


@EVERY_KIND
def test_rows_are_read_alike_whatever_the_connections_own_rows_are(held, add, connection):
    held.begin()
    job = held.enqueue(add, *TEXTS, headers={"a": None}, expires=60)
    held.commit()
    held.begin()
    seen = held.ask(operations.get(job.id))
    held.commit()
    assert seen == Jobs(connection).get(job.id)


@EVERY_KIND
def test_an_id_that_is_taken_is_one_job(held, add, queued):
    held.begin()
    first = held.enqueue(add, 1)
    held.enqueue(add, 1, task_id=first.id)
    held.commit()
    assert queued() == [first.id]


@EVERY_KIND
def test_the_commit_wakes_whoever_sleeps(held, add, connect):
    listener, sleeper = connect(), Jobs(connect())
    listener.execute('listen "pgqueue.jobs"')
    held.begin()
    held.enqueue(add, 1, notify=False)
    held.commit()
    assert sleeper.run(operations.lie_down(["default"])) == {"default"}
    held.begin()
    held.enqueue(add, 2, notify=False)
    held.commit()
    assert list(listener.notifies(timeout=0)) == []
    held.begin()
    held.enqueue(add, 3)
    assert list(listener.notifies(timeout=0)) == []
    held.commit()
    assert [n.channel for n in listener.notifies(timeout=10, stop_after=1)] == ["pgqueue.jobs"]


@pytest.mark.parametrize("kind", ATOMIC, ids=lambda kind: kind.__name__)
def test_an_atomic_block_is_done_altogether_or_not_at_all(held, queued):
    jobs = new_jobs(5)
    insert = [operations.enqueue(job) for job in jobs]
    held.begin()
    held.together(insert[0], insert[1])
    with pytest.raises(ZeroDivisionError):
        held.together(insert[2], error=ZeroDivisionError())
    assert queued() == [], "the caller has not committed yet"
    held.together(insert[3])
    held.commit()
    assert queued() == [str(jobs[n].id) for n in (0, 1, 3)]
    held.begin()
    held.together(insert[4])
    held.rollback()
    assert len(queued()) == 3


@pytest.mark.parametrize("kind", AUTOCOMMIT, ids=lambda kind: kind.__name__)
def test_an_atomic_block_where_each_statement_commits_is_a_transaction(held, queued):
    jobs = new_jobs(3)
    insert = [operations.enqueue(job) for job in jobs]
    with pytest.raises(ZeroDivisionError):
        held.together(insert[0], error=ZeroDivisionError())
    held.together(insert[1], insert[2])
    assert queued() == [str(job.id) for job in jobs[1:]]


@pytest.mark.parametrize("kind", ATOMIC, ids=lambda kind: kind.__name__)
def test_an_atomic_block_outside_of_a_transaction_commits_only_where_statements_do(
    kind, held, queued, connection
):
    """Elsewhere it is in the transaction that it began, which is the caller's to end."""
    held.together(*map(operations.enqueue, new_jobs(2)))
    assert len(queued()) == (2 if kind.autocommits else 0)
    if not kind.autocommits:
        held.rollback()
        assert queued() == []
    idle = "select count(*) from pg_stat_activity where state = 'idle in transaction'"
    assert connection.execute(idle).fetchone() == (0,)


def test_an_async_atomic_block_on_django_is_refused(open_kind, database, queued):
    """Whatever other coroutines do with Django would be in it."""
    held = open_kind(AsyncDjango, database)
    with pytest.raises(UsageError, match="Django has no async transactions: call the sync twin"):
        held.together(*map(operations.enqueue, new_jobs(1)))
    assert queued() == []


@EVERY_KIND
def test_a_missing_schema_is_explained(kind, empty_database, open_kind):
    app = PgQueue("elsewhere", schema="shop_jobs")
    task = app.task(name="add")(lambda: None)
    held = open_kind(kind, empty_database)
    held.begin()
    remedy = r"no pgqueue schema 'shop_jobs', .*does not exist\): run 'pgq migrate'"
    with pytest.raises(SchemaMismatch, match=remedy) as raised:
        held.enqueue(task)
    assert raised.value.__cause__ is not None
    held.rollback()


@EVERY_KIND
def test_other_errors_are_the_librarys_own(held, add, connection, queued):
    connection.execute(
        "alter table pgqueue.jobs add constraint nothing_secret check (args::text not like '%a%')"
    )
    held.begin()
    with pytest.raises(Exception, match="nothing_secret") as raised:
        held.enqueue(add, "a")
    library = type(raised.value).__module__.partition(".")[0]
    assert library in ("psycopg", "psycopg2", "asyncpg", "sqlalchemy", "django")
    held.rollback()
    assert queued() == []
