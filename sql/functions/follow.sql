-- Follows the edges of jobs that have ended: releases who waited for them, ends who waits in vain, and
-- makes the errbacks of those that failed. Returns how many jobs that was.
--
-- Called by whatever ends jobs, in the same transaction and as its last act, with the moment since
-- which they have ended (which spares reading the history of other days). Idempotent: an edge is
-- followed once, and what has not ended is left alone. Ids of which there is no row any more, neither
-- live nor in the history, count as failed, but only where no moment is given: see unfollowed.sql.
--
-- Who waits is locked before anything is counted, and each statement here has a snapshot of its own.
-- So of two that end the last two parents of a job, the second sees what the first has done: the count
-- comes to 0 once, and not never. All edges to a job are written by who has locked it, and by nobody
-- else. What a failure may end far down is locked in the same pass, in order of id, so that any two of
-- these cannot deadlock. Those that run or are queued are locked before those that wait: a worker has
-- its own batch locked when it comes here, and cancel() does it in that order too.
--
-- A child ends in the round after its parents, and is a parent in the next. Errbacks come last: the
-- insert of one may wait for another transaction that makes the same one, which needs nothing of ours.
--
-- With its owner's rights, so that who may end a job need have none to edges. It does nothing that is
-- not due. Its plans are index lookups, whatever the statistics of the caller's session say. That is
-- why a row is asked for with "(select …) is null" beside an "or": of "not exists" the planner may make
-- a hash of the whole table there.
create or replace function pgqueue.follow(ended uuid[], since timestamptz default '-infinity')
    returns integer
    language plpgsql volatile security definer
    set search_path = pg_catalog, pg_temp
    set enable_seqscan = off
    set enable_hashjoin = off
    set enable_mergejoin = off
    set enable_indexscan = off
    set enable_bitmapscan = on
    set jit = off
    set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
declare
    moment    timestamptz := pgqueue.now();
    soon      timestamptz := moment + interval '2 s';
    -- Those of this round; and those among them that have ended, and at which edges begin.
    ids       uuid[] := ended;
    parents   uuid[];
    states    text[];
    results   jsonb[];
    errors    text[];
    ready     uuid[];
    broken    uuid[];
    become    uuid[];
    called    integer;
    called_in text[];
    queues    text[] := '{}';
    gone      uuid[] := ended;
    followed  uuid[] := '{}';
    failed    uuid[] := '{}';
    touched   integer := 0;
begin
    loop
        select array_agg(o.id), array_agg(o.state), array_agg(o.result), array_agg(o.error)
        into parents, states, results, errors
        from (
            select
                x.id,
                coalesce(p.state::text, 'failed') as state,
                p.result,
                case when p.state is null then 'LookupError: job ' || x.id || ' is gone without a trace'
                     else p.error end as error
            from unnest(ids) as x (id)
            left join lateral (
                select h.state, h.result, h.error
                from pgqueue.jobs h
                where h.id = x.id and h.state in ('succeeded', 'failed', 'cancelled')
                  and h.finished_at >= since
                limit 1
            ) p on true
            where exists (select from pgqueue.edges e where e.parent_id = x.id)
              and (p.state is not null or since = '-infinity'
                   and (select l.id from pgqueue.jobs_live l where l.id = x.id) is null)
        ) o;
        exit when parents is null;
        followed := followed || parents;

        -- Those that wait for them, and what ends with those.
        perform j.id
        from pgqueue.jobs_live j
        where j.state = 'waiting' and j.id = any (array(
            with recursive reach (id, broken, ends) as (
                select c.id, c.broken, c.broken or c.becomes and c.parents >= coalesce(
                    (select l.open_parents from pgqueue.jobs_live l where l.id = c.id), 0)
                from (
                    select
                        e.child_id as id, bool_or(p.state <> 'succeeded') as broken,
                        bool_or(e.kind = 'become') as becomes, count(*) as parents
                    from unnest(parents, states) as p (id, state)
                    join pgqueue.edges e on e.parent_id = p.id
                    where e.kind <> 'error'
                    group by e.child_id
                ) c
                union
                select e.child_id, r.broken, r.broken or e.kind = 'become'
                from reach r
                join pgqueue.edges e on e.parent_id = r.id
                where r.ends and e.kind <> 'error'
            )
            select r.id from reach r))
        order by j.id
        for update;

        -- The results go into the edges, and the counts down.
        with done as (
            update pgqueue.edges e
            set done = true,
                result = case when e.place is not null then coalesce(p.result, 'null') end
            from unnest(parents, states, results) as p (id, state, result), pgqueue.jobs_live c
            where e.parent_id = p.id and p.state = 'succeeded' and e.kind <> 'error' and not e.done
              and c.id = e.child_id and c.state = 'waiting'
            returning e.child_id
        )
        update pgqueue.jobs_live j
        set open_parents = j.open_parents - d.parents
        from (select d.child_id, count(*)::integer as parents from done d group by d.child_id) d
        where j.id = d.child_id and j.state = 'waiting';

        -- Who waits for a job that did not succeed will never run.
        broken := null;
        if 'failed' = any (states) or 'cancelled' = any (states) then
            failed := failed || array(
                select p.id from unnest(parents, states) as p (id, state) where p.state = 'failed');
            with causes as materialized (
                select distinct on (e.child_id)
                    e.child_id, p.state, p.id as cause, p.error,
                    e.place >= 0 or exists (
                        select from pgqueue.edges s
                        where s.child_id = e.child_id and s.parent_id <> e.parent_id
                          and s.kind <> 'error') as among_others
                from unnest(parents, states, errors) as p (id, state, error)
                join pgqueue.edges e on e.parent_id = p.id
                where p.state <> 'succeeded' and e.kind <> 'error'
                order by e.child_id, p.state = 'failed' desc, e.place, p.id
            ), gone as (
                delete from pgqueue.jobs_live j
                using causes c
                where j.id = c.child_id and j.state = 'waiting'
                returning j.*, c.state as outcome, case
                    when not coalesce(c.among_others, false) then c.error
                    when c.state = 'failed' then 'ChordError: Dependency ' || c.cause || ' raised ' || c.error
                    else 'Dependency ' || c.cause || ': ' || c.error end as cause
            ), fallen as (
                insert into pgqueue.jobs
                    (id, state, queue, task, priority, attempt, max_attempts, crashes, claim, worker_id,
                     run_at, created_at, started_at, finished_at, expires_at, cancel_requested_at, args,
                     kwargs, headers, error, past_errors, parent_id, root_id, open_parents, linked)
                select
                    g.id, g.outcome::pgqueue.job_state, g.queue, g.task, g.priority, g.attempt,
                    g.max_attempts, g.crashes, g.claim, g.worker_id, g.run_at, g.created_at,
                    g.started_at, moment, g.expires_at, g.cancel_requested_at, g.args, g.kwargs,
                    g.headers, g.cause, g.past_errors, g.parent_id, g.root_id, g.open_parents, g.linked
                from gone g
                returning id
            )
            select array_agg(f.id) into broken from fallen f;
        end if;

        -- Who waits for nothing any more is queued with what it was to get, or becomes that.
        become := null;
        ready := array(
            select distinct j.id
            from unnest(parents) as p (id)
            join pgqueue.edges e on e.parent_id = p.id
            join pgqueue.jobs_live j on j.id = e.child_id
            where e.kind <> 'error' and j.state = 'waiting' and j.open_parents <= 0);
        if cardinality(ready) > 0 then
            with given as materialized (
                delete from pgqueue.edges e
                where e.child_id = any (ready) and e.kind <> 'error'
                returning e.*
            ), gathered as materialized (
                select
                    g.child_id, bool_or(g.kind = 'become') as becomes,
                    jsonb_agg(g.result) filter (where g.place < 0) as one,
                    jsonb_agg(g.result order by g.place) filter (where g.place >= 0) as list
                from given g
                group by g.child_id
            ), queued as (
                update pgqueue.jobs_live j
                set state = 'queued',
                    open_parents = 0,
                    args = coalesce(g.one, '[]')
                        || case when g.list is null then '[]' else jsonb_build_array(g.list) end || j.args,
                    run_at = greatest(moment, coalesce(
                        (j.headers #>> '{pgqueue,after,eta}')::timestamptz,
                        moment + make_interval(secs => (j.headers #>> '{pgqueue,after,countdown}')::float8))),
                    expires_at = coalesce(
                        moment + make_interval(secs => (j.headers #>> '{pgqueue,after,expires_in}')::float8),
                        j.expires_at)
                from gathered g
                where j.id = g.child_id and not g.becomes
                returning j.queue, j.run_at
            ), gone as (
                delete from pgqueue.jobs_live j
                using gathered g
                where j.id = g.child_id and g.becomes
                returning j.*, nullif(coalesce(g.one -> 0, g.list), 'null') as value
            ), became as (
                insert into pgqueue.jobs
                    (id, state, queue, task, priority, attempt, max_attempts, crashes, claim, worker_id,
                     run_at, created_at, started_at, finished_at, expires_at, cancel_requested_at, args,
                     kwargs, headers, result, past_errors, parent_id, root_id, open_parents, linked)
                select
                    g.id, 'succeeded', g.queue, g.task, g.priority, g.attempt, g.max_attempts, g.crashes,
                    g.claim, g.worker_id, g.run_at, g.created_at, g.started_at, moment, g.expires_at,
                    g.cancel_requested_at, g.args, g.kwargs, g.headers, g.value, g.past_errors,
                    g.parent_id, g.root_id, 0, g.linked
                from gone g
                returning id
            )
            select q.jobs, q.queues, b.ids
            into called, called_in, become
            from (select count(*) as jobs, array_agg(distinct q.queue) filter (where q.run_at < soon) as queues
                  from queued q) q,
                 (select array_agg(b.id) as ids from became b) b;
            touched := touched + called;
            queues := queues || called_in;
        end if;

        ids := broken || become;
        exit when ids is null;
        gone := gone || ids;
        touched := touched + cardinality(ids);
    end loop;

    if cardinality(failed) > 0 then
        with fired as materialized (
            select distinct on (e.child_id)
                e.child_id, e.job, coalesce((e.job ->> 'immutable')::boolean, false) as immutable, f.id as failed
            from unnest(failed) with ordinality as f (id, rank)
            join pgqueue.edges e on e.parent_id = f.id
            where e.kind = 'error' and not pgqueue.is_finished(e.child_id)
            order by e.child_id, f.rank
        ), made as (
            insert into pgqueue.jobs_live
                (id, queue, task, priority, max_attempts, run_at, created_at, expires_at, args, kwargs,
                 headers, parent_id, root_id)
            select
                f.child_id, coalesce(f.job ->> 'queue', 'default'), f.job ->> 'task',
                coalesce((f.job ->> 'priority')::smallint, 0::smallint),
                coalesce((f.job ->> 'max_attempts')::integer, (f.job ->> 'max_retries')::integer + 1),
                greatest(moment, coalesce((f.job ->> 'eta')::timestamptz,
                    moment + make_interval(secs => (f.job ->> 'countdown')::float8))),
                moment,
                coalesce((f.job ->> 'expires')::timestamptz,
                    moment + make_interval(secs => (f.job ->> 'expires_in')::float8)),
                case when f.immutable then '[]' else jsonb_build_array(jsonb_build_object(
                    'id', f.failed, 'task', p.task, 'args', p.args, 'kwargs', p.kwargs,
                    'retries', greatest(p.attempt - 1, 0), 'error', p.error, 'traceback', p.traceback,
                    'parent_id', p.parent_id, 'root_id', p.root_id)) end
                    || coalesce(nullif(f.job -> 'args', 'null'), '[]'),
                coalesce(nullif(f.job -> 'kwargs', 'null'), '{}'),
                case when f.immutable then nullif(f.job -> 'headers', 'null') else
                    jsonb_set(coalesce(nullif(f.job -> 'headers', 'null'), '{}'), '{pgqueue}',
                        coalesce(f.job #> '{headers,pgqueue}', '{}') || '{"errback": true}') end,
                f.failed, coalesce(p.root_id, f.failed)
            from fired f
            left join lateral (
                select h.task, h.args, h.kwargs, h.attempt, h.error, h.traceback, h.parent_id, h.root_id
                from pgqueue.jobs h
                where h.id = f.failed and h.state = 'failed' and h.finished_at >= since
                limit 1
            ) p on true
            order by f.child_id
            on conflict (id) do nothing
            returning id, queue, run_at
        )
        select count(*), array_agg(distinct m.queue) filter (where m.run_at < soon)
        into called, called_in
        from made m
        where pgqueue.stays(m.id);
        touched := touched + called;
        queues := queues || called_in;
    end if;

    -- Nobody will follow these any more: to a job that waits no longer, or to an errback.
    delete from pgqueue.edges e
    where e.parent_id = any (followed)
      and (e.kind = 'error' or (
          select c.id from pgqueue.jobs_live c where c.id = e.child_id and c.state = 'waiting') is null);
    delete from pgqueue.edges e
    where e.child_id = any (gone) and e.kind <> 'error'
      and not exists (select from pgqueue.jobs_live c where c.id = e.child_id);

    perform pgqueue.wake(q.queue, 'pgqueue.jobs') from (select distinct u.queue from unnest(queues) as u (queue)) q;
    if cardinality(gone) > cardinality(ended) then
        perform pgqueue.wake('', 'pgqueue.results');
    end if;
    return touched;
end $$;
