-- The seconds until the scheduler has something to do: 0 or less if that is now, null if never. A job
-- that waits for another one to end is looked after every second. One look into each of two indexes.
select least(
    (select extract(epoch from coalesce(s.next_run_at, t.now) - t.now)::float8
     from pgqueue.schedules s
     where s.paused_at is null and s.error is null
     order by coalesce(s.next_run_at, '-infinity')
     limit 1),
    (select min(case when exists (select from pgqueue.jobs_live j where j.id = w.last_job_id)
                     then 1.0 else 0.0 end)
     from pgqueue.schedules w
     where w.waiting_tick is not null and w.paused_at is null and w.error is null))
from (select pgqueue.now() as now) t
