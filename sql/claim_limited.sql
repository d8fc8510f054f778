-- queued -> running, for parked jobs that their limits let start; see sql/functions/claim_limited.sql.
-- Comes last in its transaction: it may wait for others that let in jobs of the same keys. "times" is
-- what it is in claim.sql.
select
    c.id::text, c.claim, c.attempt, c.max_attempts,
    case when c.expires_at is not null or c.due_at <> c.created_at then json_build_array(
        (extract(epoch from c.expires_at) - extract(epoch from c.started_at))::float8, c.expires_at,
        case when c.due_at <> c.created_at and (
            c.open_parents is null or c.attempt > 1
            or c.headers #> '{pgqueue,after,eta}' is not null
            or c.headers #> '{pgqueue,after,countdown}' > '0') then c.due_at end)::text end as times,
    c.queue, c.priority, c.due_at::text,
    c.task, c.args::text, c.kwargs::text, c.headers::text, c.parent_id::text, c.root_id::text, c.linked,
    c.limit_key
from pgqueue.claim_limited(
    %(worker_id)s::bigint, %(queues)s::text[], %(tasks)s::text[], %(limit)s::integer, %(freed)s::text[],
    %(rates)s::boolean) c
order by c.priority desc, c.due_at, c.id
