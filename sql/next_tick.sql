-- The seconds until the scheduler has something to do: below 0 if it is late, null if never. A job
-- that waits for another one to end is looked after every second. One look into each of two indexes.
select least(
    (select extract(epoch from coalesce(s.next_run_at, t.now) - t.now)::float8
     from pgqueue.schedules s
     where s.paused_at is null and s.error is null
     order by coalesce(s.next_run_at, '-infinity')
     limit 1),
    (select 1.0 from pgqueue.schedules w where w.waiting_tick is not null limit 1))
from (select pgqueue.now() as now) t
