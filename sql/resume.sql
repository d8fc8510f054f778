-- Lets claims from a queue go on; see sql/functions/resume.sql.
select pgqueue.resume(%(queue)s::text)
