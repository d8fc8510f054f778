-- The keys that have limited jobs, or that of one job: what is allowed, what runs, what waits, and when
-- the next may start. Up to a bound of jobs that wait; for people, not for a loop.
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
    extract(epoch from l.next_at - pgqueue.now())::float8 as next_look,
    q.rate_limit as queue_rate,
    case when r.room < 1
         then extract(epoch from r.starts - (q.rate_burst - 1) * e.every - pgqueue.now())::float8 end as queue_opens
from pgqueue.lines l
join pgqueue.limits k on k.limit_key = l.limit_key
left join pgqueue.task_settings s on s.task = k.task
left join pgqueue.queues q on q.name = l.queue and q.rate_limit is not null
left join pgqueue.paces p on p.queue = q.name
left join lateral (select pgqueue.rate_interval(q.rate_limit) as every) e on true
left join lateral pgqueue.rate_room(pgqueue.now(), p.next_start, e.every, q.rate_burst) r on true
where %(job)s::uuid is null
   or (l.limit_key, l.queue) = (select j.limit_key, j.queue from pgqueue.jobs_live j where j.id = %(job)s::uuid)
order by l.next_at, k.limit_key, l.queue
limit %(limit)s::integer
