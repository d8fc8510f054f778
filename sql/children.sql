-- The jobs that came to be in a job or after it, oldest first. By their root, for which there is an
-- index; a job whose row is gone is taken to have been the first of its family.
select
    j.id::text, j.state::text, j.queue, j.task, j.priority, j.attempt, j.max_attempts, j.crashes,
    j.claim, j.worker_id, coalesce(j.due_at, j.run_at), j.created_at, j.started_at, j.finished_at,
    j.expires_at, j.cancel_requested_at, j.args::text, j.kwargs::text, j.headers::text, j.result::text,
    case when j.state = 'queued' and j.attempt > 0 then j.past_errors -> -1 ->> 'error'
         else j.error end as error,
    case when j.state = 'queued' and j.attempt > 0 then j.past_errors -> -1 ->> 'traceback'
         else j.traceback end as traceback,
    coalesce(jsonb_array_length(j.past_errors), 0) as failures,
    j.parent_id::text, j.root_id::text, j.limit_key
from pgqueue.jobs j
where j.root_id = coalesce((select coalesce(p.root_id, p.id) from pgqueue.jobs p where p.id = %(id)s::uuid),
                           %(id)s::uuid)
  and j.parent_id = %(id)s::uuid
order by j.id
