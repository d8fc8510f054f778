-- Lets so many jobs more into a queue, or refuses them with an error of the class PGQ01, because more
-- would wait there than pgqueue.queues.max_depth says. Jobs that run, and those that wait for others,
-- do not count.
--
-- Called for queues that have a limit only: the others are spared the call, and are looked up in the
-- statement that enqueues. It counts what waits, up to the limit, so that it costs more the fuller the
-- queue is; and it locks nothing. What other transactions have enqueued and not committed yet is not
-- seen: by so many, and no more, the limit may be passed.
--
-- With its owner's rights, so that who may enqueue need not be able to read jobs.
create or replace function pgqueue.admit(queue text, jobs bigint) returns boolean
    language plpgsql volatile security definer
    set search_path = pg_catalog, pg_temp
    set enable_seqscan = off
    set enable_bitmapscan = off  -- which would read all of a queue that is far over its limit
as $$
#variable_conflict use_column
declare
    most  integer := (select q.max_depth from pgqueue.queues q where q.name = admit.queue);
begin
    if most is null or (
        select count(*)
        from (
            select
            from pgqueue.jobs_live j
            where j.queue = admit.queue and j.state = 'queued'
            limit greatest(most - jobs + 1, 0)
        ) w
    ) + jobs <= most then
        return true;
    end if;
    raise exception 'queue % is full: at most % jobs may wait in it; nothing was enqueued',
        to_json(admit.queue), most
        using errcode = 'PGQ01', hint = 'pgqueue.limit_queue() sets the limit';
end $$;
