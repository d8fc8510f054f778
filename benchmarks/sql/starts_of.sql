-- Every start of a task's jobs under each key, in seconds since 1970: also of attempts that crashed.
select s.key, array_agg(s.start order by s.start)
from (
    select (j.args ->> 0)::integer %% %(keys)s::integer as key, extract(epoch from r.start)::float8 as start
    from pgqueue.jobs j
    cross join lateral (
        select j.started_at as start
        union all
        select a.started_at from pgqueue.attempts(j.id) a where a.claim < j.claim
    ) r
    where j.task = %(task)s::text and r.start is not null
) s
group by s.key
