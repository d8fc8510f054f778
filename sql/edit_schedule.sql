-- Changes a schedule; see sql/functions/edit_schedule.sql.
select pgqueue.edit_schedule(%(name)s::text, %(changes)s::jsonb)
