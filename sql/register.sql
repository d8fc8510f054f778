-- A worker comes to life: its row carries its lease.
insert into pgqueue.workers
    (name, hostname, pid, version, queues, tasks, processes, concurrency,
     started_at, heartbeat_at, expires_at, stats, active)
select
    %(name)s::text, %(hostname)s::text, %(pid)s::integer, %(version)s::text, %(queues)s::text[],
    %(tasks)s::text[], %(processes)s::smallint, %(concurrency)s::integer,
    t.now, t.now, t.now + make_interval(secs => %(lease)s::float8), '{}', '[]'
from (select pgqueue.now() as now) t
returning id
