-- The jobs that are claimed, in the order in which they were.
select j.id::text, j.claim, j.run_at::text
from pgqueue.jobs_live j
where j.state = 'running'
order by j.run_at, j.id
