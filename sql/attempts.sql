-- The attempts of a job that failed, oldest first.
select a.attempt, a.claim, a.worker_id, a.started_at, a.failed_at, a.error, a.traceback
from pgqueue.attempts(%(id)s::uuid) a
