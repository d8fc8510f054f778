-- The keys that have limited jobs: what is allowed, what runs, what waits, and when the next may start.
-- Up to a bound of jobs that wait; for people, not for a loop.
select
    k.limit_key, l.queue, k.max_concurrency,
    case when s.rate_limit_at is null then k.rate_limit else s.rate_limit end as rate_limit,
    k.rate_burst,
    (select count(*)
     from unnest(k.holders, k.claims) as h (id, claim)
     join pgqueue.jobs_live j on j.id = h.id and j.claim = h.claim and j.state = 'running') as running,
    (select count(*)
     from (
        select
        from pgqueue.jobs_live j
        where j.limit_key = k.limit_key and j.queue = l.queue and j.due_at is not null and j.state = 'queued'
        limit 100000
     ) w) as waiting,
    extract(epoch from l.next_at - pgqueue.now())::float8 as next_look
from pgqueue.lines l
join pgqueue.limits k on k.limit_key = l.limit_key
left join pgqueue.task_settings s on s.task = k.task
order by l.next_at, k.limit_key, l.queue
limit %(limit)s::integer
