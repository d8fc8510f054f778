-- Every start of a job in a queue, in seconds since 1970: also of attempts that crashed.
select coalesce(array_agg(extract(epoch from r.start)::float8 order by r.start), '{}')
from pgqueue.jobs j
cross join lateral (
    select j.started_at as start
    union all
    select a.started_at from pgqueue.attempts(j.id) a where a.claim < j.claim
) r
where j.queue = %(queue)s::text and r.start is not null
