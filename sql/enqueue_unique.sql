-- New jobs with unique keys, a batch in one statement: each is enqueued as by enqueue_many.sql if it
-- gets its key, see pgqueue.hold(). If another job holds that, it stands for the call, and becomes what
-- the call says if that is to replace it (pgqueue.fold()). No two of a batch have the same key.
--
-- Keys are taken in their order, so that two batches that share some wait for each other instead of
-- dying of a deadlock. A job whose id is taken by itself, because it was sent before and the answer
-- lost, asks for no key: whatever has become of the first one stands.
--
-- Returns for each call the job that stands for it, and whether that was there before.
with job as materialized (
    select
        j.*, t.now, greatest(coalesce(j.eta, t.now + make_interval(secs => j.countdown)), t.now) as run_at
    from unnest(%(ids)s::uuid[], %(queues)s::text[], %(tasks)s::text[], %(priorities)s::smallint[],
                %(max_attempts)s::integer[], %(etas)s::timestamptz[], %(countdowns)s::float8[],
                %(expires)s::timestamptz[], %(expires_in)s::float8[], %(args)s::jsonb[],
                %(kwargs)s::jsonb[], %(headers)s::jsonb[], %(notify)s::boolean[],
                %(chosen)s::boolean[], %(parent_ids)s::uuid[], %(root_ids)s::uuid[],
                %(unique_keys)s::text[], %(until_start)s::boolean[], %(seconds)s::float8[],
                %(replaces)s::boolean[])
        as j (id, queue, task, priority, max_attempts, eta, countdown, expires, expires_in, args,
              kwargs, headers, notify, chosen, parent_id, root_id, unique_key, until_start, seconds,
              replaces),
        (select pgqueue.now() as now) t
), held as materialized (
    select
        j.*,
        case when j.chosen and (pgqueue.is_finished(j.id)
                                or exists (select from pgqueue.jobs_live l where l.id = j.id))
             then j.id
             else pgqueue.hold(j.unique_key, j.id, j.until_start, j.seconds) end as holder
    from (select * from job order by unique_key) j
), admitted as materialized (
    select bool_and(pgqueue.admit(d.queue, d.jobs)) as all
    from (
        select h.queue, count(*) as jobs
        from held h
        join pgqueue.queues q on q.name = h.queue and q.max_depth is not null
        where h.holder = h.id and not (h.chosen and exists (select from pgqueue.jobs_live l where l.id = h.id))
        group by h.queue
    ) d
), enqueued as (
    insert into pgqueue.jobs_live
        (id, queue, task, priority, max_attempts, run_at, created_at, expires_at, args, kwargs, headers,
         parent_id, root_id)
    select
        h.id, h.queue, h.task, h.priority, h.max_attempts, h.run_at, h.now,
        coalesce(h.expires, h.now + make_interval(secs => h.expires_in)), h.args, h.kwargs, h.headers,
        h.parent_id, h.root_id
    from held h
    where (h.holder = h.id or h.replaces) and not (h.chosen and pgqueue.is_finished(h.id))
      and coalesce((select a.all from admitted a), true)
    on conflict (id) do nothing
    returning id
), kept as materialized (
    select
        h.queue, h.notify and h.run_at < h.now + interval '2 s' as wakes,
        case when h.holder <> h.id then pgqueue.fold(h.unique_key, h.id, h.holder) end as folded
    from enqueued e join held h using (id)
    where case when h.chosen then pgqueue.stays(e.id) else true end
), woken as (
    select pgqueue.wake(q.queue, 'pgqueue.jobs')
    from (select distinct k.queue from kept k where k.wakes) q
)
select h.id::text, h.holder::text, h.holder <> h.id
from held h
cross join (select count(*) from woken) w
