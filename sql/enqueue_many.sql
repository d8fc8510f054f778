-- New jobs, a batch in one statement; the same as enqueue.sql for each. Jobs whose id is taken are
-- left out. The batch comes in order of id, so that two that share ids wait for each other instead
-- of dying of a deadlock.
--
-- Wakes the sleepers of the places that are named: none, if more of the batch follows.
with job as materialized (
    select *
    from unnest(%(ids)s::uuid[], %(queues)s::text[], %(tasks)s::text[], %(priorities)s::smallint[],
                %(max_attempts)s::integer[], %(etas)s::timestamptz[], %(countdowns)s::float8[],
                %(expires)s::timestamptz[], %(expires_in)s::float8[], %(args)s::jsonb[],
                %(kwargs)s::jsonb[], %(headers)s::jsonb[], %(chosen)s::boolean[])
        as j (id, queue, task, priority, max_attempts, eta, countdown, expires, expires_in, args,
              kwargs, headers, chosen)
), enqueued as (
    insert into pgqueue.jobs_live
        (id, queue, task, priority, max_attempts, run_at, created_at, expires_at, args, kwargs, headers)
    select
        j.id, j.queue, j.task, j.priority, j.max_attempts,
        greatest(coalesce(j.eta, t.now + make_interval(secs => j.countdown)), t.now), t.now,
        coalesce(j.expires, t.now + make_interval(secs => j.expires_in)), j.args, j.kwargs, j.headers
    from job j, (select pgqueue.now() as now) t
    where not (j.chosen and pgqueue.is_finished(j.id))
    on conflict (id) do nothing
    returning id
), woken as (
    select count(pgqueue.wake(p.place, 'pgqueue.jobs')) from unnest(%(wake)s::text[]) as p (place)
)
select (select count(*) from enqueued), (select * from woken)
