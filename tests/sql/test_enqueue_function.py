"""P1 and P7 for `pgqueue.enqueue(…)`: SQL callers, and triggers, get what Python callers get."""

from __future__ import annotations

from datetime import timedelta

import psycopg
import pytest

ID = "0198c0de-0000-7000-8000-000000000001"


def enqueue(jobs, arguments, *params):
    return str(jobs.value(f"select pgqueue.enqueue({arguments})", *params))


def test_a_task_name_is_enough(jobs, clock):
    row = jobs.get(enqueue(jobs, "'add'"))
    assert (row.state, row.task, row.args, row.kwargs, row.queue) == (
        "queued", "add", "[]", "{}", "default"
    )  # fmt: skip
    assert (row.priority, row.max_attempts, row.headers, row.expires_at) == (0, None, None, None)
    assert row.run_at == row.created_at == clock.now()


def test_every_argument_reaches_its_column(jobs, clock):
    expires = clock.now() + timedelta(hours=2)
    job = enqueue(
        jobs,
        """'mail.send', '{"args": [1], "kwargs": {"to": "x"}}', queue => 'mail', priority => 9,
           countdown => '1 minute', expires => %s, id => %s, headers => '{"trace": "t1"}',
           max_retries => 2, notify => false""",
        expires,
        ID,
    )
    row = jobs.get(job)
    assert row.id == ID
    assert (row.task, row.args, row.kwargs, row.headers) == (
        "mail.send", "[1]", '{"to": "x"}', '{"trace": "t1"}'
    )  # fmt: skip
    assert (row.queue, row.priority, row.max_attempts, row.expires_at) == ("mail", 9, 3, expires)
    assert row.run_at == clock.now() + timedelta(minutes=1)


def test_no_retries_means_one_attempt(jobs):
    assert jobs.get(enqueue(jobs, "'add', max_retries => 0")).max_attempts == 1


@pytest.mark.parametrize(("shift", "due_in"), [(3600, 3600), (-3600, 0)])
def test_an_eta_is_met_but_never_lies_in_the_past(jobs, clock, shift, due_in):
    eta = clock.now() + timedelta(seconds=shift)
    job = enqueue(jobs, "'add', eta => %s", eta)
    assert jobs.get(job).run_at == clock.now() + timedelta(seconds=due_in)


def test_a_second_enqueue_under_an_id_changes_nothing(jobs):
    assert enqueue(jobs, "'add', id => %s", ID) == enqueue(jobs, "'other', id => %s", ID) == ID
    assert jobs.get(ID).task == "add"


def test_callers_in_python_and_sql_share_their_ids(jobs):
    enqueue(jobs, "'add', id => %s", ID)
    jobs.add(id=ID, task="other", chosen=True)
    assert jobs.get(ID).task == "add"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("''", "task must be the name of a task"),
        ("null", "task must be the name of a task"),
        ("'add', queue => ''", "queue must be the name of a queue"),
        ("'add', queue => null", "queue must be the name of a queue"),
        ("'add', null", "payload must be an object such as .*, not null"),
        ("'add', 'null'", "payload must be an object such as .*, not null"),
        ("'add', '[1]'", "payload must be an object such as .*, not array"),
        ("'add', '{\"arg\": [1]}'", 'payload has a key "arg"'),
        ("'add', '{\"args\": {}}'", "payload.args must be an array"),
        ("'add', '{\"kwargs\": []}'", "payload.kwargs an object"),
        ("'add', '{\"kwargs\": null}'", "payload.kwargs an object"),
        ("'add', headers => '[]'", "headers must be an object"),
        ("'add', priority => 10", r"priority is 10, but must be 0 to 9 \(9 is claimed first\)"),
        ("'add', priority => -1", "priority is -1"),
        ("'add', priority => null", "priority is"),
        ("'add', max_retries => -1", "max_retries is -1, but must be 0 to 32766"),
        ("'add', max_retries => 32767", "max_retries is 32767"),
        ("'add', countdown => '1 s', eta => now()", "give countdown or eta, not both"),
    ],
)
def test_a_bad_argument_is_named_and_nothing_is_enqueued(jobs, arguments, message):
    with pytest.raises(psycopg.errors.InvalidParameterValue, match=f"pgqueue.enqueue: .*{message}"):
        enqueue(jobs, arguments)
    assert jobs.value("select count(*) from pgqueue.jobs") == 0


def test_an_option_in_the_payload_is_told_where_it_belongs(jobs):
    with pytest.raises(psycopg.errors.InvalidParameterValue) as caught:
        enqueue(jobs, "'add', '{\"queue\": \"billing\"}'")
    assert caught.value.diag.message_hint.startswith("options such as queue")


def test_a_trigger_enqueues_with_the_row_that_fired_it(jobs):
    jobs.connection.execute("""
        create table orders (id int primary key);
        create function follow() returns trigger language plpgsql as $$
        begin
            perform pgqueue.enqueue('charge', format('{"args": [%s]}', new.id)::jsonb);
            return new;
        end $$;
        create trigger follow after insert on orders for each row execute function follow();
        insert into orders select generate_series(1, 3);
    """)
    with jobs.transaction() as transaction:
        jobs.connection.execute("insert into orders values (4)")
        raise psycopg.Rollback(transaction)
    found = jobs.connection.execute("select task, args from pgqueue.jobs_live order by args")
    assert found.fetchall() == [("charge", [1]), ("charge", [2]), ("charge", [3])]


def test_a_job_goes_with_the_savepoint_of_a_plpgsql_handler(jobs):
    jobs.connection.execute("""
        do $$ begin
            perform pgqueue.enqueue('kept');
            begin
                perform pgqueue.enqueue('lost');
                raise exception 'no';
            exception when others then null;
            end;
        end $$
    """)
    assert jobs.connection.execute("select task from pgqueue.jobs_live").fetchall() == [("kept",)]


def test_one_statement_enqueues_many_jobs_in_its_order(jobs, worker):
    jobs.connection.execute("""
        select pgqueue.enqueue('add', jsonb_build_object('args', jsonb_build_array(n)))
        from generate_series(1, 50) n
    """)
    claimed = sorted(int(job.args[1:-1]) for job in jobs.claim(worker))
    assert claimed == list(range(1, 51))


def test_a_job_that_finishes_at_this_moment_is_not_enqueued_again(jobs, other, step, worker):
    job = jobs.running(worker)
    with jobs.transaction():
        jobs.finish(job)
        again = step(other, lambda: enqueue(other, "'add', id => %s", job.id)).blocked()
    assert again.result() == job.id
    assert jobs.value("select count(*) from pgqueue.jobs where id = %s", job.id) == 1
