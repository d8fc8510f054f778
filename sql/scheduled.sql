-- Jobs whose time has not come, soonest first: each queue is read from now on, in claim order, and so
-- are the parked jobs of each key; of the keys, as many as jobs are asked for, those first that come first.
with plain as (
    select j.id, j.run_at as due
    from unnest(%(queues)s::text[]) as q (name)
    cross join generate_series(0, 9) as p (priority)
    cross join lateral (
        select j.id, j.run_at
        from pgqueue.jobs_live j
        where j.queue = q.name and j.priority = p.priority and j.state = 'queued'
          and j.run_at > (select pgqueue.now()) and j.run_at < 'infinity'
        order by j.run_at, j.id
        limit %(limit)s::integer
    ) j
), parked as (
    select j.id, j.due_at as due
    from (
        select l.limit_key, l.queue
        from pgqueue.lines l
        where l.queue = any (%(queues)s::text[])
        order by l.next_at
        limit %(limit)s::integer
    ) l
    cross join generate_series(0, 9) as p (priority)
    cross join lateral (
        select j.id, j.due_at
        from pgqueue.jobs_live j
        where j.limit_key = l.limit_key and j.queue = l.queue and j.priority = p.priority
          and j.state = 'queued' and j.due_at > (select pgqueue.now())
        order by j.due_at, j.id
        limit %(limit)s::integer
    ) j
), soonest as materialized (
    select s.id, s.due
    from (select * from plain union all select * from parked) s
    order by s.due, s.id
    limit %(limit)s::integer
)
select
    j.id::text, j.worker_id, j.claim, j.task, j.queue, j.priority, j.attempt, s.due,
    j.started_at, j.args::text, j.kwargs::text
from soonest s
join pgqueue.jobs_live j on j.id = s.id
order by s.due, s.id
