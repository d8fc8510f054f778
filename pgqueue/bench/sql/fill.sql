-- Queued jobs as `delay` would have made them one after the other: ids in the order of time, a
-- microsecond between two jobs.
insert into pgqueue.jobs_live (id, queue, task, priority, run_at, created_at, args)
select
    (lpad(to_hex(f.tick / 4096), 12, '0') || '7' || lpad(to_hex(mod(f.tick, 4096)), 3, '0')
        || '8' || substr(md5(random()::text), 1, 15))::uuid,
    %(queue)s::text, %(task)s::text, %(priority)s::smallint, f.moment, f.moment,
    jsonb_build_array(f.i)
from (
    select
        g.i,
        (extract(epoch from t.start) * 4096000)::bigint + g.i as tick,
        t.start + g.i * interval '1 us' + %(delay)s::float8 * interval '1 s' as moment
    from (select clock_timestamp() - %(jobs)s::integer * interval '1 us' as start) t,
        generate_series(1, %(jobs)s::integer) as g (i)
) f
