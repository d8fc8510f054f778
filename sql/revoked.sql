-- Jobs whose cancellation was asked for, newest first: those that have ended so, and those that run.
select r.id
from (
    (select j.id::text
     from pgqueue.jobs j
     where j.state = 'cancelled' and j.cancel_requested_at is not null
     order by j.id desc
     limit %(limit)s::integer)
    union
    select j.id::text
    from unnest(%(ids)s::uuid[]) as i (id)
    join pgqueue.jobs_live j on j.id = i.id
    where j.cancel_requested_at is not null
) r
order by r.id desc
limit %(limit)s::integer
