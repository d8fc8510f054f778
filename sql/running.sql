-- Jobs that are running, by id: who is asked what runs names them, their rows say the rest.
select
    j.id::text, j.worker_id, j.claim, j.task, j.queue, j.priority, j.attempt, coalesce(j.due_at, j.run_at),
    j.started_at, j.args::text, j.kwargs::text
from unnest(%(ids)s::uuid[]) as i (id)
join pgqueue.jobs_live j on j.id = i.id
where j.state = 'running'
order by j.started_at, j.id
