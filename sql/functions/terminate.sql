-- Cancels jobs like pgqueue.cancel(), and has the process killed that runs one: what ran beside it
-- there runs again, uncharged. Returns each job with the state that it has now; a running one ends
-- when its worker has heard of it.
--
--     select * from pgqueue.terminate(array['0198…']::uuid[]);
create or replace function pgqueue.terminate(ids uuid[], signal text default 'SIGTERM')
    returns table (id uuid, state pgqueue.job_state)
    language plpgsql volatile
as $$
#variable_conflict use_column
begin
    -- First, in this order: cancel() marks them, and tells of those that it marks.
    perform from pgqueue.cancel(ids);
    perform pgqueue.interrupt(ids, signal);
    return query
    select j.id, j.state from pgqueue.jobs j where j.id = any (ids);
end $$;
