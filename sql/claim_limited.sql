-- queued -> running, for parked jobs that their limits let start; see sql/functions/claim_limited.sql.
-- Comes last in its transaction: it may wait for others that let in jobs of the same keys.
select
    c.id::text, c.claim, c.attempt, c.max_attempts,
    (extract(epoch from c.expires_at) - extract(epoch from c.started_at))::float8 as expires_in,
    c.queue, c.priority, c.due_at::text,
    c.task, c.args::text, c.kwargs::text, c.headers::text, c.parent_id::text, c.root_id::text, c.linked,
    c.limit_key
from pgqueue.claim_limited(
    %(worker_id)s::bigint, %(queues)s::text[], %(tasks)s::text[], %(limit)s::integer, %(freed)s::text[],
    %(rates)s::boolean) c
order by c.priority desc, c.due_at, c.id
