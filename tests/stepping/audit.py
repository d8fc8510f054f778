"""What really happened to each job: triggers note every change, whoever makes it."""

from __future__ import annotations

from typing import Any, NamedTuple

import psycopg

TABLES = """
create unlogged table public.effects (job uuid not null, claim integer not null);
create unlogged table public.audit (
    number bigserial, xid xid8, actor text, statement text, act text, id uuid, over boolean,
    old jsonb, new jsonb);

create function public.audited(job jsonb) returns jsonb language sql return
    job - '{args,kwargs,headers,past_errors}'::text[]
    || jsonb_build_object('unique', job #> '{headers,pgqueue,unique}');

create function public.audit() returns trigger language plpgsql as $$
begin
    insert into public.audit (xid, actor, statement, act, id, over, old, new)
    select pg_current_xact_id(), current_setting('application_name'),
        substring(current_query() from '/\\*(\\w+)\\*/'), lower(tg_op), coalesce(new.id, old.id),
        (select w.stopped_at is not null and w.expires_at < pgqueue.now()
         from pgqueue.workers w where w.id = old.worker_id),
        public.audited(to_jsonb(old)), public.audited(to_jsonb(new));
    return null;
end $$;

create trigger audit after insert or update or delete on pgqueue.jobs
    for each row execute function public.audit();

create function public.audit_stop() returns trigger language plpgsql as $$
begin
    insert into public.audit (xid, actor, statement, act, new)
    select pg_current_xact_id(), current_setting('application_name'),
        substring(current_query() from '/\\*(\\w+)\\*/'), 'stop', jsonb_build_object('id', new.id);
    return null;
end $$;

create trigger audit_stop after update of stopped_at on pgqueue.workers
    for each row when (new.stopped_at is not null) execute function public.audit_stop();
"""
EMPTY = """
truncate pgqueue.jobs, pgqueue.edges, pgqueue.unique_keys, pgqueue.workers, pgqueue.queues,
    pgqueue.commands, pgqueue.limits, pgqueue.lines, pgqueue.arrivals, pgqueue.paces, public.audit,
    public.effects
    restart identity
"""
TAKE = """
with taken as (delete from public.audit returning *)
select xid::text, actor, statement, act, id::text, over, old, new from taken order by number
"""


class Change(NamedTuple):
    """One row that one statement wrote; `old` and `new` without what does not matter here."""

    xid: str
    actor: str
    statement: str
    act: str
    #: None: it is a worker that stopped.
    id: str | None
    #: Whether the worker that the job ran in has been declared stopped after its lease.
    over: bool | None
    old: dict[str, Any] | None
    new: dict[str, Any] | None


def install(connection: psycopg.Connection) -> None:
    """Have every change of a job noted from now on."""
    connection.execute(TABLES)


def empty(connection: psycopg.Connection) -> None:
    """Forget all jobs and workers, and what these were told: the next ones have the same ids."""
    connection.execute(EMPTY)
    connection.execute("truncate pgqueue.commands")


def taken(connection: psycopg.Connection) -> list[list[Change]]:
    """Return the changes committed since the last time, a list per job and transaction.

    Transactions that touch one job come one after the other, because they lock its row.
    """
    groups: dict[tuple[str, str | None], list[Change]] = {}
    for row in connection.execute(TAKE):
        change = Change(*row)
        groups.setdefault((change.xid, change.id), []).append(change)
    return list(groups.values())
