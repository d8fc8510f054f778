-- The jobs of a canvas and the edges between them, all of it or nothing. Jobs with open parents wait:
-- how long from their release on is noted in their headers (headers.pgqueue.after). The others are
-- queued as by enqueue_many.sql, in order of id for the same reason.
--
-- An edge comes with the jobs that it ties: if those were here already, because this is sent again
-- after a lost answer, then so was the edge, and may have been followed since. One that ties no job
-- of this statement is always inserted.
--
-- Races with nobody: parents and children are invisible until the caller commits.
with job as materialized (
    select
        j.*, t.now, j.open_parents > 0 as waits,
        greatest(coalesce(j.eta, t.now + make_interval(secs => j.countdown)), t.now) as due
    from unnest(%(ids)s::uuid[], %(queues)s::text[], %(tasks)s::text[], %(priorities)s::smallint[],
                %(max_attempts)s::integer[], %(etas)s::timestamptz[], %(countdowns)s::float8[],
                %(expires)s::timestamptz[], %(expires_in)s::float8[], %(args)s::jsonb[],
                %(kwargs)s::jsonb[], %(headers)s::jsonb[], %(notify)s::boolean[],
                %(chosen)s::boolean[], %(parent_ids)s::uuid[], %(root_ids)s::uuid[],
                %(open_parents)s::integer[], %(linked)s::boolean[])
        as j (id, queue, task, priority, max_attempts, eta, countdown, expires, expires_in, args,
              kwargs, headers, notify, chosen, parent_id, root_id, open_parents, linked),
        (select pgqueue.now() as now) t
), admitted as materialized (
    select bool_and(pgqueue.admit(d.queue, d.jobs)) as all
    from (
        select j.queue, count(*) as jobs
        from job j
        join pgqueue.queues q on q.name = j.queue and q.max_depth is not null
        where j.waits is not true
          and not (j.chosen and exists (select from pgqueue.jobs_live l where l.id = j.id))
        group by j.queue
    ) d
), enqueued as (
    insert into pgqueue.jobs_live
        (id, state, queue, task, priority, max_attempts, run_at, created_at, expires_at, args, kwargs,
         headers, parent_id, root_id, open_parents, linked)
    select
        j.id,
        case when j.waits then 'waiting' else 'queued' end::pgqueue.job_state,
        j.queue, j.task, j.priority, j.max_attempts,
        case when j.waits then 'infinity' else j.due end,
        j.now,
        case when j.waits then j.expires
             else coalesce(j.expires, j.now + make_interval(secs => j.expires_in)) end,
        j.args, j.kwargs,
        case when j.waits and (j.countdown > 0 or j.eta is not null or j.expires_in is not null)
             then jsonb_set(coalesce(j.headers, '{}'), '{pgqueue}',
                      coalesce(j.headers #> '{pgqueue}', '{}') || jsonb_build_object('after',
                          jsonb_strip_nulls(jsonb_build_object(
                              'countdown', j.countdown, 'eta', j.eta, 'expires_in', j.expires_in))))
             else j.headers end,
        j.parent_id, j.root_id, j.open_parents, j.linked
    from job j
    where not (j.chosen and pgqueue.is_finished(j.id)) and coalesce((select a.all from admitted a), true)
    on conflict (id) do nothing
    returning id
), kept as materialized (
    select e.id, j.queue, j.notify and not coalesce(j.waits, false) and j.due < j.now + interval '2 s' as wakes
    from enqueued e join job j using (id)
    where case when j.chosen then pgqueue.stays(e.id) else true end
), tied as (
    insert into pgqueue.edges (parent_id, child_id, kind, place, job)
    select e.parent_id, e.child_id, e.kind, e.place, e.job
    from unnest(%(parents)s::uuid[], %(children)s::uuid[], %(kinds)s::text[], %(places)s::integer[],
                %(templates)s::jsonb[])
        as e (parent_id, child_id, kind, place, job)
    where e.parent_id in (select k.id from kept k)
       or e.child_id in (select k.id from kept k)
       or (e.parent_id not in (select j.id from job j) and e.child_id not in (select j.id from job j))
    on conflict do nothing
)
select q.queue, pgqueue.wake(q.queue, 'pgqueue.jobs')
from (select distinct k.queue from kept k where k.wakes) q
