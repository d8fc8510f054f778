-- Jobs whose time has not come, soonest first: each queue is read from now on, in claim order.
select
    j.id::text, j.worker_id, j.claim, j.task, j.queue, j.priority, j.attempt, j.run_at,
    j.started_at, j.args::text, j.kwargs::text
from unnest(%(queues)s::text[]) as q (name)
cross join generate_series(0, 9) as p (priority)
cross join lateral (
    select j.*
    from pgqueue.jobs_live j
    where j.queue = q.name and j.priority = p.priority and j.state = 'queued'
      and j.run_at > (select pgqueue.now()) and j.run_at < 'infinity'
    order by j.run_at, j.id
    limit %(limit)s::integer
) j
order by j.run_at, j.id
limit %(limit)s::integer
