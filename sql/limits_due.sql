-- Seconds until claim_limited has something to look at in these queues, 0 if that is now; null if no
-- limited job waits or runs there. Two lookups in tables that are empty where nothing is limited.
select case when bool_or(n.arrived) then 0
            when min(n.next_at) is not null
            then greatest(0, extract(epoch from min(n.next_at) - pgqueue.now())) end::float8
from (
    select
        exists (select from pgqueue.arrivals a where a.queue = s.queue) as arrived,
        (select min(l.next_at) from pgqueue.lines l where l.queue = s.queue) as next_at
    from unnest(%(queues)s::text[]) as s (queue)
    where not exists (select from pgqueue.queues q where q.name = s.queue and q.paused_at is not null)
) n
