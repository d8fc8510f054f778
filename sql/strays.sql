-- How many finished jobs are in the default partitions, because nobody had made the right one in
-- time. Counted up to a bound.
select s.outcome, s.jobs
from (
    select 'succeeded' as outcome, count(*) as jobs
    from (select from pgqueue.jobs_succeeded_default limit 100000) d
    union all
    select 'failed', count(*) from (select from pgqueue.jobs_failed_default limit 100000) d
    union all
    select 'cancelled', count(*) from (select from pgqueue.jobs_cancelled_default limit 100000) d
) s
where s.jobs > 0
