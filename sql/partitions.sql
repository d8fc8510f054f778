-- Whether the history has its partitions for today and tomorrow (UTC days).
select o.outcome, to_char(d.day, 'YYYY-MM-DD'),
    to_regclass(format('pgqueue.jobs_%%s_%%s', o.outcome, to_char(d.day, 'YYYYMMDD'))) is not null
from (values ('succeeded'), ('failed'), ('cancelled')) as o (outcome)
cross join (
    select (pgqueue.now() at time zone 'utc')::date + n as day from generate_series(0, 1) n
) d
order by d.day, o.outcome
