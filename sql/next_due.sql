-- Seconds until the next scheduled job that this worker could claim; null if there is none.
-- A worker about to sleep asks, so that an eta is met without polling for it.
select extract(epoch from min(j.run_at) - pgqueue.now())::float8
from unnest(%(queues)s::text[], %(priorities)s::smallint[]) as l (queue, priority)
cross join lateral (
    select j.run_at
    from pgqueue.jobs_live j
    where j.queue = l.queue
      and j.priority = l.priority
      and j.run_at > (select pgqueue.now())
      and j.run_at < 'infinity'
      and j.state = 'queued'
      and j.task = any (%(tasks)s::text[])
    order by j.run_at, j.id
    limit 1
) j
where not exists (select from pgqueue.queues q where q.name = l.queue and q.paused_at is not null)
