-- succeeded, failed or cancelled at once: how a call ended that was made in place, for those who ask
-- for its id. What its clock said of it is only how long it took: it ends now.
--
-- Nothing happens if the id is taken, by a job of whatever state; two that store under the same id at
-- once leave two rows of one job that has ended, as two calls in place have run it. The look at the
-- gate wakes those who wait for the result.
with stored as (
    insert into pgqueue.jobs
        (id, state, queue, task, priority, attempt, max_attempts, crashes, claim, run_at, created_at,
         started_at, finished_at, expires_at, args, kwargs, headers, result, error, traceback,
         parent_id, root_id)
    select
        %(id)s::uuid, %(state)s::pgqueue.job_state, %(queue)s::text, %(task)s::text,
        %(priority)s::smallint, %(attempt)s::integer, %(max_attempts)s::integer, 0::smallint,
        %(claim)s::integer, t.began, t.began, t.began, t.now, %(expires)s::timestamptz,
        %(args)s::jsonb, %(kwargs)s::jsonb, %(headers)s::jsonb, %(result)s::jsonb, %(error)s::text,
        %(traceback)s::text, %(parent_id)s::uuid, %(root_id)s::uuid
    from (
        select n.now, n.now - make_interval(secs => %(seconds)s::float8) as began
        from (select pgqueue.now() as now) n
    ) t
    where not exists (select from pgqueue.jobs j where j.id = %(id)s::uuid)
    returning id
)
select s.id, pgqueue.wake('', 'pgqueue.results') from stored s
