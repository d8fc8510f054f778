-- Limited jobs, parked under as many keys as are wanted, and what their enqueuer says of each.
with parked as (
    insert into pgqueue.jobs_live
        (id, queue, task, run_at, created_at, args, limit_key, due_at)
    select
        pgqueue.uuid7(), %(queue)s::text, %(task)s::text, 'infinity', t.now,
        jsonb_build_array(g.i %% %(keys)s::integer),
        %(task)s::text || case when %(keys)s::integer > 1 then ':' || g.i %% %(keys)s::integer else '' end,
        t.now
    from generate_series(1, %(jobs)s::integer) as g (i), (select clock_timestamp() as now) t
    returning limit_key, due_at
)
insert into pgqueue.arrivals
    (queue, limit_key, due_at, said_at, task, max_concurrency, rate_limit, rate_burst)
select %(queue)s::text, p.limit_key, min(p.due_at), clock_timestamp(), %(task)s::text,
    %(max_concurrency)s::integer, %(rate_limit)s::text, %(rate_burst)s::integer
from parked p
group by p.limit_key
