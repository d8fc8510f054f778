-- Enqueues the job of a schedule now; see sql/functions/run_schedule.sql.
select pgqueue.run_schedule(%(name)s::text)::text
