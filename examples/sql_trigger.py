"""A trigger enqueues: whoever inserts a user, in whatever language, also enqueues the welcome.

In one terminal `pgq worker -A sql_trigger`, in another `python sql_trigger.py`, both in this folder
and with PGQUEUE_DSN set. It prints::

    welcome, Ada
    welcome, Grace
    nobody was rolled back and welcomed
"""

from __future__ import annotations

import psycopg

from pgqueue import PgQueue

app = PgQueue("sql_trigger")

TRIGGER = """
drop table if exists people;
create table people (id bigint generated always as identity primary key, name text not null);

create or replace function welcome_people() returns trigger language plpgsql as $$
begin
    perform pgqueue.enqueue(
        'sql_trigger.welcome',
        jsonb_build_object('args', jsonb_build_array(new.name)),
        queue => 'welcome',
        headers => jsonb_build_object('person', new.id));
    return null;
end $$;

create trigger welcome_people after insert on people
    for each row execute function welcome_people()
"""
NEWEST = "select id from pgqueue.jobs where headers -> 'person' = to_jsonb(%s::bigint)"


@app.task(queue="welcome")
def welcome(name: str) -> str:
    return f"welcome, {name}"


def main() -> None:
    with psycopg.connect(app.dsn) as conn:
        conn.execute(TRIGGER)

    with psycopg.connect(app.dsn) as conn:  # a program that knows nothing of pgqueue
        insert = "insert into people (name) values ('Ada'), ('Grace') returning id"
        people = [id for (id,) in conn.execute(insert).fetchall()]

    with psycopg.connect(app.dsn) as conn:
        for person in people:
            (job,) = conn.execute(NEWEST, [person]).fetchone()
            print(app.AsyncResult(job).get(timeout=30))

        conn.execute("insert into people (name) values ('Nobody')")
        conn.rollback()
        waiting = "select count(*) from pgqueue.jobs where queue = 'welcome'"
        if conn.execute(waiting).fetchone() == (len(people),):
            print("nobody was rolled back and welcomed")


if __name__ == "__main__":
    main()
    app.close()
