-- New jobs, as many as the client cares to send. For ids that the client has just made only: a
-- copy cannot leave out what is there already.
copy pgqueue.jobs_live
    (id, queue, task, priority, max_attempts, run_at, created_at, expires_at, args, kwargs, headers,
     parent_id, root_id)
from stdin
