-- Lets a schedule go on; see sql/functions/resume_schedule.sql.
select pgqueue.resume_schedule(%(name)s::text)
