-- Makes the schedules of an application those that it declares: new ones are added, changed ones
-- changed, and those removed that it declared once and does no more. Returns what was done to which.
--
-- Left alone: what was made at run time or is another application's (`taken`); that a schedule is
-- paused; and what was edited at run time, as long as the declaration stays as it was. What is due
-- when follows from the schedule and its time zone: only where those change is it computed anew.
--
-- Said at a scheduler's start, and again every half a minute, which changes nothing as a rule. While two
-- releases run, that counts which appeared last: a worker of the older one that starts anew does not
-- take back what the newer one has declared. When nobody has said a set for 90 s it is forgotten, so
-- that after a roll-back the older one is in force again.
--
-- Locks what it changes, in order of names, and nothing as a rule.
with seen as (
    insert into pgqueue.schedule_sources as s (source, fingerprint, first_seen_at, seen_at)
    select %(source)s::text, md5(%(declared)s::text), t.now, t.now
    from (select pgqueue.now() as now) t
    on conflict (source, fingerprint) do update
    set first_seen_at = case when s.seen_at < excluded.seen_at - interval '90 s'
                             then excluded.first_seen_at else s.first_seen_at end,
        seen_at = excluded.seen_at
    returning s.first_seen_at, s.seen_at
), force as materialized (
    select not exists (
        select from pgqueue.schedule_sources o
        where o.source = %(source)s::text and o.fingerprint <> md5(%(declared)s::text)
          and o.first_seen_at > s.first_seen_at and o.seen_at > s.seen_at - interval '90 s') as mine
    from seen s
), forgotten as (
    delete from pgqueue.schedule_sources o
    where o.source = %(source)s::text and o.seen_at < (select pgqueue.now()) - interval '1 day'
), given as materialized (
    select d as declared, r.*
    from force f, jsonb_array_elements(%(declared)s::jsonb) d,
        jsonb_to_record(d) as r (
            name text, task text, args jsonb, kwargs jsonb, queue text, priority smallint,
            expires_in float8, max_attempts integer, headers jsonb, schedule text, timezone text,
            catch_up integer, overlap text)
    where f.mine
), removed as (
    delete from pgqueue.schedules s
    where s.name in (
        select o.name
        from pgqueue.schedules o
        where o.source = %(source)s::text and (select f.mine from force f)
          and not exists (select from given g where g.name = o.name)
        order by o.name
        for update)
    returning s.name
), put as (
    insert into pgqueue.schedules as s
        (name, task, args, kwargs, queue, priority, expires_in, max_attempts, headers, schedule, timezone,
         catch_up, overlap, source, declared, created_at)
    select
        g.name, g.task, g.args, g.kwargs, g.queue, g.priority, g.expires_in, g.max_attempts, g.headers,
        g.schedule, g.timezone, g.catch_up, g.overlap, %(source)s::text, g.declared, t.now
    from given g, (select pgqueue.now() as now) t
    where not exists (
        select from pgqueue.schedules o
        where o.name = g.name and (o.source is distinct from %(source)s::text or o.declared = g.declared))
    order by g.name
    on conflict (name) do update
    set task = excluded.task, args = excluded.args, kwargs = excluded.kwargs, queue = excluded.queue,
        priority = excluded.priority, expires_in = excluded.expires_in,
        max_attempts = excluded.max_attempts, headers = excluded.headers,
        schedule = excluded.schedule, timezone = excluded.timezone, catch_up = excluded.catch_up,
        overlap = excluded.overlap, declared = excluded.declared, edited_at = null,
        error = null,
        next_run_at = case when (s.schedule, s.timezone) = (excluded.schedule, excluded.timezone)
                           then s.next_run_at end,
        anchor_at = case when s.schedule = excluded.schedule then s.anchor_at end,
        waiting_tick = case when excluded.overlap = 'queue' then s.waiting_tick end
    where s.source = excluded.source and s.declared <> excluded.declared
    returning s.name, s.xmax = 0 as added
), done as (
    select r.name, 'removed' as what from removed r
    union all
    select p.name, case when p.added then 'added' else 'changed' end from put p
    union all
    select g.name, 'taken'
    from given g
    join pgqueue.schedules s using (name)
    where s.source is distinct from %(source)s::text
)
select d.name, d.what, case when d.what <> 'taken' then pg_notify('pgqueue.control', '') end
from done d
order by d.name
