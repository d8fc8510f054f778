-- New jobs of which some have limits; the same as enqueue_many.sql for the others. A limited one is
-- parked: its time is in due_at, and plain claims never meet it. What its key's limits are is said in
-- a row of arrivals, for the worker that looks there next: nothing here waits for, or locks, a key.
--
-- A row comes back if there was anything to insert: a queue whose sleepers are to be woken, or null.
with job as materialized (
    select
        j.*, t.now, greatest(coalesce(j.eta, t.now + make_interval(secs => j.countdown)), t.now) as run_at
    from unnest(%(ids)s::uuid[], %(queues)s::text[], %(tasks)s::text[], %(priorities)s::smallint[],
                %(max_attempts)s::integer[], %(etas)s::timestamptz[], %(countdowns)s::float8[],
                %(expires)s::timestamptz[], %(expires_in)s::float8[], %(args)s::jsonb[],
                %(kwargs)s::jsonb[], %(headers)s::jsonb[], %(notify)s::boolean[],
                %(chosen)s::boolean[], %(parent_ids)s::uuid[], %(root_ids)s::uuid[],
                %(limited)s::boolean[], %(concurrencies)s::integer[], %(rate_limits)s::text[],
                %(rate_bursts)s::integer[], %(names)s::text[], %(places)s::integer[])
        as j (id, queue, task, priority, max_attempts, eta, countdown, expires, expires_in, args,
              kwargs, headers, notify, chosen, parent_id, root_id, limited, max_concurrency, rate_limit,
              rate_burst, name, place),
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
         parent_id, root_id, limit_key, due_at)
    select
        j.id, j.queue, j.task, j.priority, j.max_attempts,
        case when j.limited then 'infinity' else j.run_at end, j.now,
        coalesce(j.expires, j.now + make_interval(secs => j.expires_in)), j.args, j.kwargs, j.headers,
        j.parent_id, j.root_id,
        case when j.limited then pgqueue.limit_key(j.task, j.args, j.kwargs, j.headers, j.name, j.place) end,
        case when j.limited then j.run_at end
    from job j
    where not (j.chosen and pgqueue.is_finished(j.id)) and coalesce((select a.all from admitted a), true)
    on conflict (id) do nothing
    returning id, limit_key
), kept as materialized (
    -- Aggregated, so that every job is asked after whose id was chosen, whether it wakes or not.
    select array_agg(e.id) as ids
    from enqueued e join job j using (id)
    where case when j.chosen then pgqueue.stays(e.id) else true end
), arrived as (
    insert into pgqueue.arrivals
        (queue, limit_key, due_at, said_at, task, max_concurrency, rate_limit, rate_burst)
    select j.queue, e.limit_key, min(j.run_at), min(j.now), j.task, j.max_concurrency, j.rate_limit,
        j.rate_burst
    from enqueued e join job j using (id)
    where e.limit_key is not null
    group by j.queue, e.limit_key, j.task, j.max_concurrency, j.rate_limit, j.rate_burst
)
select
    q.queue,
    case when q.queue is not null and %(wake)s::boolean then pgqueue.wake(q.queue, 'pgqueue.jobs') end
from kept k
left join lateral (
    select distinct j.queue
    from job j
    where j.notify and j.run_at < j.now + interval '2 s' and j.id = any (k.ids)
) q on true
where k.ids is not null
