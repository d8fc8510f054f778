-- Seconds until claim_limited has something to look at in these queues, 0 if that is now; null if no
-- limited job waits or runs there. And whether one of the queues has a rate, so that jobs of all tasks
-- are to be parked there. Lookups in tables that are empty where nothing is limited.
select
    case when bool_or(n.arrived) then 0
         when min(n.next_at) is not null
         then greatest(0, extract(epoch from min(n.next_at) - pgqueue.now())) end::float8,
    coalesce(bool_or(n.rated), false)
from (
    select
        exists (select from pgqueue.arrivals a where a.queue = s.queue) as arrived,
        case when l.next_at is not null then greatest(l.next_at, r.opens_at) end as next_at,
        q.rate_limit is not null as rated
    from unnest(%(queues)s::text[]) as s (queue)
    left join pgqueue.queues q on q.name = s.queue
    left join lateral (select min(l.next_at) as next_at from pgqueue.lines l where l.queue = s.queue) l on true
    left join lateral (
        select r.starts - (q.rate_burst - 1) * e.every as opens_at
        from pgqueue.paces p
        cross join lateral (select pgqueue.rate_interval(q.rate_limit) as every) e
        cross join lateral pgqueue.rate_room(pgqueue.now(), p.next_start, e.every, q.rate_burst) r
        where %(rates)s::boolean and q.rate_limit is not null and p.queue = s.queue
    ) r on true
    where q.paused_at is null
) n
