-- The newest times of a schedule, or of all of them, and the jobs that came of them.
select
    f.schedule, f.fire_time, f.fired_at, f.job_id::text,
    (select j.state::text from pgqueue.jobs j where j.id = f.job_id)
from pgqueue.schedule_fires f
where %(schedule)s::text is null or f.schedule = %(schedule)s::text
order by f.fired_at desc, f.fire_time desc, f.schedule
limit %(limit)s::integer
