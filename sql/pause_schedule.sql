-- Pauses a schedule; see sql/functions/pause_schedule.sql.
select pgqueue.pause_schedule(%(name)s::text)
