-- Queued jobs as `fill` makes them, in turns over so many queues named q0, q1 …
insert into pgqueue.jobs_live (id, queue, task, run_at, created_at, args)
select
    pgqueue.uuid7(), 'q' || mod(g.i, %(queues)s::integer), %(task)s::text, t.now, t.now,
    jsonb_build_array(g.i)
from generate_series(1, %(jobs)s::integer) as g (i), (select clock_timestamp() as now) t
