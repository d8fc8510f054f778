-- Jobs that wait for others: never due, whatever the time.
insert into pgqueue.jobs_live (id, state, queue, task, run_at, created_at, args)
select
    pgqueue.uuid7(), 'waiting', 'default', %(task)s::text, 'infinity', clock_timestamp(),
    jsonb_build_array(g.i)
from generate_series(1, %(jobs)s::integer) as g (i)
