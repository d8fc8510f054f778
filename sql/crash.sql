-- running -> queued, or failed after the third time, for a batch of jobs whose process died.
-- A crash is not the task's failure: it counts apart from attempts. Who had not begun is not charged,
-- and goes back as it came. Fenced by the claim number.
-- Sleepers are woken: whoever crashed or was lost looks for no jobs now. A job that is known to have
-- done it runs alone from now on: a note in its headers says so.
with dead as materialized (
    select j.id, j.crashes + d.charged::integer as crashes, d.charged
    from pgqueue.jobs_live j
    join unnest(%(ids)s::uuid[], %(claims)s::integer[], %(charged)s::boolean[])
        as d (id, claim, charged) on j.id = d.id and j.claim = d.claim
    where j.state = 'running'
    order by j.id
    for update of j
), again as (
    update pgqueue.jobs_live j
    set state = 'queued',
        attempt = j.attempt - 1,
        crashes = d.crashes,
        headers = case when %(alone)s::boolean then pgqueue.run_alone(j.headers) else j.headers end,
        past_errors = case when d.charged
            then pgqueue.add_error(j.past_errors, j.attempt, j.claim, j.worker_id,
                                   j.started_at, pgqueue.now(), %(error)s::text, null)
            else j.past_errors end
    from dead d
    where j.id = d.id and d.crashes < %(max_crashes)s::integer
    returning j.id, j.queue, 'queued'::pgqueue.job_state as state
), called as (
    select pgqueue.wake(q.queue, 'pgqueue.jobs') from (select distinct queue from again) q
), gone as (
    delete from pgqueue.jobs_live j
    using dead d
    where j.id = d.id and d.crashes >= %(max_crashes)s::integer
    returning j.*, d.crashes as all_crashes
), finished as (
    insert into pgqueue.jobs
        (id, state, queue, task, priority, attempt, max_attempts, crashes, claim, worker_id, run_at,
         created_at, started_at, finished_at, expires_at, cancel_requested_at, args, kwargs, headers,
         error, past_errors, parent_id, root_id, open_parents, linked)
    select
        g.id, 'failed', g.queue, g.task, g.priority, g.attempt, g.max_attempts, g.all_crashes,
        g.claim, g.worker_id, coalesce(g.due_at, g.run_at), g.created_at, g.started_at, pgqueue.now(),
        g.expires_at, g.cancel_requested_at, g.args, g.kwargs, g.headers, %(error)s::text, g.past_errors,
        g.parent_id, g.root_id, g.open_parents, g.linked
    from gone g
    returning id, state, finished_at, linked
), woken as (
    select pgqueue.wake('', 'pgqueue.results') where exists (select from finished)
), followed as (
    select pgqueue.follow(l.ids, l.since)
    from (select array_agg(f.id) as ids, min(f.finished_at) as since from finished f where f.linked) l
    where l.ids is not null
)
select a.id::text, a.state::text from again a cross join (select count(*) from called) c
union all
select f.id::text, f.state::text from finished f left join woken on true left join followed on true
