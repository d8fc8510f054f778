-- running -> succeeded, failed or cancelled, for a batch of jobs: each moves to the history.
--
-- The fence: a row moves only while it runs under the very claim that is being finished. Whoever
-- was rescued, cancelled or claimed anew in between is not matched, and its id does not come back.
--
-- Delete and insert, because an update that moves a row between partitions makes a concurrent
-- "skip locked" fail. Rows are locked in the order given, so callers give them in order of id.
-- The look at the gate wakes those who wait for results. The edges of linked jobs are followed last;
-- nobody else looks at them.
with outcome as materialized (
    select *
    from unnest(%(ids)s::uuid[], %(claims)s::integer[], %(states)s::pgqueue.job_state[],
                %(results)s::jsonb[], %(errors)s::text[], %(tracebacks)s::text[])
        as o (id, claim, state, result, error, traceback)
), gone as (
    delete from pgqueue.jobs_live j
    using outcome o
    where j.id = o.id and j.claim = o.claim and j.state = 'running'
    returning j.*, o.state as outcome, o.result as outcome_result, o.error as outcome_error,
        o.traceback as outcome_traceback
), finished as (
    insert into pgqueue.jobs
        (id, state, queue, task, priority, attempt, max_attempts, crashes, claim, worker_id, run_at,
         created_at, started_at, finished_at, expires_at, cancel_requested_at, args, kwargs, headers,
         result, error, traceback, past_errors, parent_id, root_id, open_parents, linked)
    select
        g.id, g.outcome, g.queue, g.task, g.priority, g.attempt, g.max_attempts, g.crashes, g.claim,
        g.worker_id, coalesce(g.due_at, g.run_at), g.created_at, g.started_at, t.now, g.expires_at,
        g.cancel_requested_at, g.args, g.kwargs, g.headers, g.outcome_result, g.outcome_error,
        g.outcome_traceback, g.past_errors, g.parent_id, g.root_id, g.open_parents, g.linked
    from gone g, (select pgqueue.now() as now) t
    returning id, finished_at, linked
), woken as (
    select pgqueue.wake('', 'pgqueue.results') where exists (select from finished)
), followed as (
    select pgqueue.follow(l.ids, l.since)
    from (select array_agg(f.id) as ids, min(f.finished_at) as since from finished f where f.linked) l
    where l.ids is not null
)
select f.id::text from finished f left join woken on true left join followed on true
