-- Jobs that some workers are running, as the table knows it: for those that do not answer. Reads
-- all of jobs_live.
select
    j.id::text, j.worker_id, j.claim, j.task, j.queue, j.priority, j.attempt, coalesce(j.due_at, j.run_at),
    j.started_at, j.args::text, j.kwargs::text
from pgqueue.jobs_live j
where j.worker_id = any (%(workers)s::bigint[]) and j.state = 'running'
order by j.started_at, j.id
