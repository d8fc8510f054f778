-- Jobs that sleep, in the given order: one per element, of so many seconds.
insert into pgqueue.jobs_live (id, task, run_at, created_at, args)
select
    pgqueue.uuid7(), 'pressure.sleep', t.now + s.rank * interval '1 us', t.now,
    jsonb_build_array(s.seconds)
from unnest(%(seconds)s::float8[]) with ordinality as s (seconds, rank),
    (select clock_timestamp() - interval '1 minute' as now) t
