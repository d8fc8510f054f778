-- running -> queued again, from countdown seconds on, for a batch of attempts that failed.
-- The error is added to those of earlier attempts. Fenced by the claim number, like finish.sql.
with failure as materialized (
    select *
    from unnest(%(ids)s::uuid[], %(claims)s::integer[], %(countdowns)s::float8[],
                %(errors)s::text[], %(tracebacks)s::text[])
        as f (id, claim, countdown, error, traceback)
)
update pgqueue.jobs_live j
set state = 'queued',
    run_at = t.now + make_interval(secs => f.countdown),
    past_errors = pgqueue.add_error(j.past_errors, j.attempt, j.claim, j.worker_id, j.started_at,
                                    t.now, f.error, f.traceback)
from failure f, (select pgqueue.now() as now) t
where j.id = f.id and j.claim = f.claim and j.state = 'running'
returning j.id::text
