-- Removes a schedule; see sql/functions/remove_schedule.sql.
select pgqueue.remove_schedule(%(name)s::text)
