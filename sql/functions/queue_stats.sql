-- What waits and runs in every queue that has something, or of which something was said. Counting reads all of
-- jobs_live: for people and for minutes, not for a loop.
create or replace view pgqueue.queue_stats as
select
    coalesce(j.queue, q.name) as queue,
    q.paused_at is not null as paused,
    coalesce(j.waiting, 0) as waiting,
    coalesce(j.ready, 0) as ready,
    coalesce(j.scheduled, 0) as scheduled,
    coalesce(j.running, 0) as running,
    j.oldest_ready,
    q.max_depth,
    q.keep,
    q.rate_limit,
    case when q.rate_limit is not null then q.rate_burst end as rate_burst,
    coalesce(j.limited, 0) as limited
from (
    select
        l.queue,
        count(*) filter (where l.state = 'waiting') as waiting,
        count(*) filter (where l.state = 'queued' and coalesce(l.due_at, l.run_at) <= t.now) as ready,
        count(*) filter (where l.state = 'queued' and coalesce(l.due_at, l.run_at) > t.now) as scheduled,
        count(*) filter (where l.state = 'running') as running,
        count(*) filter (where l.state = 'queued' and l.due_at <= t.now) as limited,
        t.now - min(coalesce(l.due_at, l.run_at))
            filter (where l.state = 'queued' and coalesce(l.due_at, l.run_at) <= t.now) as oldest_ready
    from pgqueue.jobs_live l, (select pgqueue.now() as now) t
    group by l.queue, t.now
) j
full join pgqueue.queues q on q.name = j.queue;
