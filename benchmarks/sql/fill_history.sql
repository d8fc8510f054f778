-- Jobs that have succeeded today, a millisecond apart.
insert into pgqueue.jobs
    (id, state, queue, task, priority, attempt, crashes, claim, worker_id, run_at, created_at,
     started_at, finished_at, args, kwargs, result)
select
    pgqueue.uuid7(), 'succeeded', 'default', %(task)s::text, 0, 1, 0, 1, 1, t.now, t.now, t.now,
    t.now - g.i * interval '1 us', jsonb_build_array(g.i), '{}', '1'
from generate_series(1, %(jobs)s::integer) as g (i), (select clock_timestamp() as now) t
