-- running -> queued again, from countdown seconds on, for a batch of attempts that failed.
-- The error is added to those of earlier attempts, and what the run said of its progress goes.
-- Fenced by the claim number, like finish.sql.
--
-- A job may be given other arguments, another queue or priority, another time to expire (infinity: it
-- never does) and other headers, all of them; these arrays are empty if no job of the batch is, and
-- null for what stays as it is. Whoever sleeps for want of jobs in that
-- other queue is woken, as by an enqueue.
--
-- A limited job stays parked; in another queue, it is parked there when its time comes (park.sql).
with failure as materialized (
    select *
    from unnest(%(ids)s::uuid[], %(claims)s::integer[], %(countdowns)s::float8[],
                %(errors)s::text[], %(tracebacks)s::text[], %(args)s::jsonb[], %(kwargs)s::jsonb[],
                %(queues)s::text[], %(priorities)s::smallint[], %(expires)s::timestamptz[],
                %(expires_in)s::float8[], %(headers)s::jsonb[])
        as f (id, claim, countdown, error, traceback, args, kwargs, queue, priority, expires, expires_in,
              headers)
)
update pgqueue.jobs_live j
set state = 'queued',
    run_at = case when j.limit_key is null or f.queue is not null
                  then t.now + make_interval(secs => f.countdown) else 'infinity' end,
    due_at = case when j.limit_key is not null and f.queue is null
                  then t.now + make_interval(secs => f.countdown) end,
    limit_key = case when f.queue is null then j.limit_key end,
    args = coalesce(f.args, j.args),
    kwargs = coalesce(f.kwargs, j.kwargs),
    queue = coalesce(f.queue, j.queue),
    priority = coalesce(f.priority, j.priority),
    expires_at = nullif(coalesce(f.expires, t.now + make_interval(secs => f.expires_in), j.expires_at),
                        'infinity'),
    headers = coalesce(f.headers, j.headers),
    result = null,
    past_errors = pgqueue.add_error(j.past_errors, j.attempt, j.claim, j.worker_id, j.started_at,
                                    t.now, f.error, f.traceback)
from failure f, (select pgqueue.now() as now) t
where j.id = f.id and j.claim = f.claim and j.state = 'running'
returning j.id::text,
    case when f.queue is not null and f.countdown < 2 then pgqueue.wake(f.queue, 'pgqueue.jobs') end
