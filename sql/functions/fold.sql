-- Makes the queued job that holds a unique key what a new call says, and takes away the job that was
-- made of that call a moment ago, in the same statement: its values are checked and settled then, like
-- any other job's; one with limits is parked anew. The holder keeps its id, its family and what is known
-- of its failures; its attempts begin anew. It is locked already, by pgqueue.hold(), so that nobody has
-- claimed it meanwhile.
--
-- The call is noted, so that it replaces nothing a second time when it is sent again after a lost answer.
--
-- With its owner's rights, like pgqueue.hold(); it touches nothing but the holder of that key.
create or replace function pgqueue.fold(key text, call_id uuid, holder uuid) returns boolean
    language plpgsql volatile security definer
    set search_path = pg_catalog, pg_temp
    set enable_seqscan = off
as $$
#variable_conflict use_column
begin
    update pgqueue.unique_keys k set call_id = fold.call_id where k.key = fold.key and k.job_id = holder;
    if not found then
        raise exception 'pgqueue.fold: job % does not hold the key %', holder, to_json(fold.key);
    end if;
    with made as (
        delete from pgqueue.jobs_live m where m.id = fold.call_id returning m.*
    )
    update pgqueue.jobs_live j
    set queue = m.queue, task = m.task, priority = m.priority, max_attempts = m.max_attempts,
        attempt = 0, crashes = 0, run_at = m.run_at, expires_at = m.expires_at,
        args = m.args, kwargs = m.kwargs, headers = m.headers,
        limit_key = m.limit_key, due_at = m.due_at
    from made m
    where j.id = holder and j.state = 'queued';
    return found;
end $$;
