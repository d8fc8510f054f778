-- How many jobs of a task are done, and when the first began and the last ended, in seconds since 1970.
select
    count(*),
    extract(epoch from min(j.started_at))::float8,
    extract(epoch from max(j.finished_at))::float8
from pgqueue.jobs_succeeded j
where j.state = 'succeeded' and j.task = %(task)s::text
