-- Jobs, newest first: one page of those that match. A null criterion matches all. The
-- columns are those of get.sql.
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
where (%(state)s::pgqueue.job_state is null or j.state = %(state)s::pgqueue.job_state)
  and (%(queue)s::text is null or j.queue = %(queue)s::text)
  and (%(task)s::text is null or j.task = %(task)s::text)
  and (%(before)s::uuid is null or j.id < %(before)s::uuid)
order by j.id desc
limit %(limit)s::integer
