-- Forgets what came of schedules so long ago that no job of it need still be there.
delete from pgqueue.schedule_fires f
where f.fired_at < (select pgqueue.now() - max(r.keep) from pgqueue.retention r)
returning f.schedule
