-- Runs finished jobs again, under their ids and from their first attempt on; returns the ids.
-- Jobs that are not finished, and ids that nobody has, are left out; so are those that waited for a
-- job that failed, and never got what they were to run with. A job whose unique key another one holds
-- by now is left out, too: that one is there in its place. Of several with one key, the newest runs.
--
--     select pgqueue.retry(array(select id from pgqueue.jobs where state = 'failed' and task = 'mail.send'));
--     select pgqueue.retry('0198…'::uuid);
--
-- The one place that takes rows out of the history one by one: an operator's act, not a duty.
-- The claim number goes on from where it was, so an old worker still cannot write.
-- Rows are locked in order of id, so that two of these acts cannot deadlock.
create or replace function pgqueue.retry(ids uuid[]) returns setof uuid
    language plpgsql volatile
as $$
#variable_conflict use_column
declare
    twins  uuid[];
begin
    select array_agg(k.id) into twins
    from (
        select u.id
        from (
            select
                j.id, j.headers #>> '{pgqueue,unique}' as key,
                row_number() over (partition by j.headers #>> '{pgqueue,unique}' order by j.id desc) as rank
            from pgqueue.jobs j
            where j.id = any (ids) and j.state in ('succeeded', 'failed', 'cancelled')
              and j.headers #> '{pgqueue,unique}' is not null
            order by key
        ) u
        where case when u.rank = 1 then pgqueue.hold(u.key, u.id) <> u.id else true end
    ) k;
    return query
    with found as materialized (
        select j.id
        from pgqueue.jobs j
        where j.id = any (ids) and j.state in ('succeeded', 'failed', 'cancelled')
          and coalesce(j.open_parents, 0) = 0
          and (twins is null or j.id <> all (twins))
        order by j.id
        for update
    ), gone as (
        delete from pgqueue.jobs j
        using found f
        where j.id = f.id and j.state in ('succeeded', 'failed', 'cancelled')
        returning j.*
    ), again as (
        insert into pgqueue.jobs_live
            (id, queue, task, priority, max_attempts, claim, run_at, created_at, args, kwargs,
             headers, past_errors, parent_id, root_id, open_parents, linked)
        select
            g.id, g.queue, g.task, g.priority, g.max_attempts, g.claim, t.now, g.created_at, g.args,
            g.kwargs, g.headers,
            case when g.state = 'failed'
                 then pgqueue.add_error(g.past_errors, g.attempt, g.claim, g.worker_id, g.started_at,
                                        g.finished_at, g.error, g.traceback)
                 else g.past_errors end,
            g.parent_id, g.root_id, g.open_parents, g.linked
        from gone g, (select pgqueue.now() as now) t
        order by g.id
        returning id, queue
    ), woken as (
        select pgqueue.wake(q.queue, 'pgqueue.jobs') from (select distinct queue from again) q
    )
    -- Not a left join, which would be optimised away, and nobody woken.
    select a.id from again a cross join (select count(*) from woken) w;
end $$;

create or replace function pgqueue.retry(id uuid) returns uuid
    language sql volatile
begin atomic
    select r from pgqueue.retry(array[retry.id]) r;
end;
