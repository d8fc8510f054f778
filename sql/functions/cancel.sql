-- Cancels jobs; returns each with the state that it has afterwards. Unknown ids return no row.
--
--     select * from pgqueue.cancel(array['0198…']::uuid[]);
--     select pgqueue.cancel('0198…'::uuid);
--
-- waiting and queued ones are cancelled at once. A running one is left to its worker, and marked:
-- it will not be run again, whatever becomes of this attempt, and its worker is told, which cancels
-- the run if it is a coroutine's. Finished ones stay as they are.
--
-- Rows are locked in order of id, as finishing does, so that the two cannot deadlock; those that wait
-- for others last, with all that would end with them: see pgqueue.follow().
create or replace function pgqueue.cancel(ids uuid[])
    returns table (id uuid, state pgqueue.job_state)
    language plpgsql volatile
as $$
#variable_conflict use_column
declare
    ended   bigint;
    family  boolean;
    tied    uuid[];
    since   timestamptz;
    running bigint;
begin
    select bool_or(f.linked) into family
    from (
        select j.linked
        from pgqueue.jobs_live j
        where j.id = any (ids) and j.state <> 'waiting'
        order by j.id
        for update
    ) f;
    if family or exists (select from pgqueue.jobs_live j where j.id = any (ids) and j.state = 'waiting') then
        perform pgqueue.lock_waiting(ids);
    end if;
    with found as materialized (
        select j.id, j.state
        from pgqueue.jobs_live j
        where j.id = any (ids)
        order by j.id
        for update
    ), marked as (
        update pgqueue.jobs_live j
        set cancel_requested_at = coalesce(j.cancel_requested_at, pgqueue.now())
        from found f
        where j.id = f.id and f.state = 'running'
        returning j.id
    ), gone as (
        delete from pgqueue.jobs_live j
        using found f
        where j.id = f.id and f.state <> 'running'
        returning j.*
    ), cancelled as (
        insert into pgqueue.jobs
            (id, state, queue, task, priority, attempt, max_attempts, crashes, claim, worker_id,
             run_at, created_at, started_at, finished_at, expires_at, cancel_requested_at, args,
             kwargs, headers, error, past_errors, parent_id, root_id, open_parents, linked)
        select
            g.id, 'cancelled', g.queue, g.task, g.priority, g.attempt, g.max_attempts, g.crashes,
            g.claim, g.worker_id, coalesce(g.due_at, g.run_at), g.created_at, g.started_at, t.now, g.expires_at,
            coalesce(g.cancel_requested_at, t.now), g.args, g.kwargs, g.headers, 'cancelled',
            g.past_errors, g.parent_id, g.root_id, g.open_parents, g.linked
        from gone g, (select pgqueue.now() as now) t
        returning id, finished_at, linked or open_parents > 0 as tied
    )
    select
        (select count(*) from cancelled),
        (select array_agg(c.id) filter (where c.tied) from cancelled c),
        (select min(c.finished_at) from cancelled c),
        (select count(*) from marked)
    into ended, tied, since, running;
    if running > 0 then
        perform pgqueue.interrupt(ids, null);
    end if;
    if ended > 0 then
        perform pgqueue.wake('', 'pgqueue.results');
    end if;
    if tied is not null then
        perform pgqueue.follow(tied, since);
    end if;
    -- A statement of its own, because it must see what finished while the first one waited for it.
    return query
    select j.id, j.state from pgqueue.jobs j where j.id = any (ids);
end $$;

create or replace function pgqueue.cancel(id uuid) returns pgqueue.job_state
    language sql volatile
begin atomic
    select c.state from pgqueue.cancel(array[cancel.id]) c;
end;
