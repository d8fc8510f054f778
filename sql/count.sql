-- How many jobs match; the criteria are those of search.sql.
select count(*)
from pgqueue.jobs j
where (%(state)s::pgqueue.job_state is null or j.state = %(state)s::pgqueue.job_state)
  and (%(queue)s::text is null or j.queue = %(queue)s::text)
  and (%(task)s::text is null or j.task = %(task)s::text)
