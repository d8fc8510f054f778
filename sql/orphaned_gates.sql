-- The locks that say "a worker of this queue sleeps" (sql/functions/gate.sql) although no live
-- worker serves the queue. Each makes every enqueue to its queue pay for a NOTIFY that nobody
-- hears. A bigint advisory lock shows its halves as classid and objid.
select p.place, l.pid, a.application_name
from (
    select j.queue as place from pgqueue.jobs_live j
    union
    select q.name from pgqueue.queues q
    union
    select unnest(w.queues) from pgqueue.workers w
) p
join pg_locks l
    on l.locktype = 'advisory'
    and l.objsubid = 1
    and l.granted
    and l.database = (select d.oid from pg_database d where d.datname = current_database())
    and (l.classid::bigint << 32 | l.objid::bigint) = pgqueue.gate(p.place)
left join pg_stat_activity a on a.pid = l.pid
where not exists (
    select
    from pgqueue.workers w
    where w.stopped_at is null and w.expires_at > pgqueue.now() and p.place = any (w.queues))
order by p.place, l.pid
