-- New jobs, a batch in one statement; the same as enqueue.sql for each. Jobs whose id is taken are
-- left out. The batch comes in order of id, so that two that share ids wait for each other instead
-- of dying of a deadlock.
--
-- Returns the queues whose sleepers are to be woken. Wakes them, unless more of the batch follows.
with job as materialized (
    select
        j.*, t.now, greatest(coalesce(j.eta, t.now + make_interval(secs => j.countdown)), t.now) as run_at
    from unnest(%(ids)s::uuid[], %(queues)s::text[], %(tasks)s::text[], %(priorities)s::smallint[],
                %(max_attempts)s::integer[], %(etas)s::timestamptz[], %(countdowns)s::float8[],
                %(expires)s::timestamptz[], %(expires_in)s::float8[], %(args)s::jsonb[],
                %(kwargs)s::jsonb[], %(headers)s::jsonb[], %(notify)s::boolean[],
                %(chosen)s::boolean[], %(parent_ids)s::uuid[], %(root_ids)s::uuid[])
        as j (id, queue, task, priority, max_attempts, eta, countdown, expires, expires_in, args,
              kwargs, headers, notify, chosen, parent_id, root_id),
        (select pgqueue.now() as now) t
), admitted as materialized (
    select bool_and(pgqueue.admit(d.queue, d.jobs)) as all
    from (
        select j.queue, count(*) as jobs
        from job j
        join pgqueue.queues q on q.name = j.queue and q.max_depth is not null
        where not (j.chosen and exists (select from pgqueue.jobs_live l where l.id = j.id))
        group by j.queue
    ) d
), enqueued as (
    insert into pgqueue.jobs_live
        (id, queue, task, priority, max_attempts, run_at, created_at, expires_at, args, kwargs, headers,
         parent_id, root_id)
    select
        j.id, j.queue, j.task, j.priority, j.max_attempts, j.run_at, j.now,
        coalesce(j.expires, j.now + make_interval(secs => j.expires_in)), j.args, j.kwargs, j.headers,
        j.parent_id, j.root_id
    from job j
    where not (j.chosen and pgqueue.is_finished(j.id)) and coalesce((select a.all from admitted a), true)
    on conflict (id) do nothing
    returning id
), kept as materialized (
    -- Aggregated, so that every job is asked after whose id was chosen, whether it wakes or not.
    select array_agg(e.id) as ids
    from enqueued e join job j using (id)
    where case when j.chosen then pgqueue.stays(e.id) else true end
)
select q.queue, case when %(wake)s::boolean then pgqueue.wake(q.queue, 'pgqueue.jobs') end
from kept k
cross join lateral (
    select distinct j.queue
    from job j
    where j.notify and j.run_at < j.now + interval '2 s' and j.id = any (k.ids)
) q
