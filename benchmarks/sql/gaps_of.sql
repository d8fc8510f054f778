-- From the end of each job of a serial task to the start of the next, in milliseconds.
select coalesce(array_agg(g.gap order by g.gap), '{}')
from (
    select (extract(epoch from j.started_at - lag(j.finished_at) over (order by j.started_at)) * 1000)::float8
        as gap
    from pgqueue.jobs_succeeded j
    where j.state = 'succeeded' and j.task = %(task)s::text
) g
where g.gap is not null
