-- Whether a job stays that was inserted a moment ago, in the same statement, under an id that was
-- used before; if one of that id has finished, it is taken back.
--
-- Asking before the insert does not do. The insert may have waited for a transaction that finishes
-- the very job: then the id is free among the live ones, and the asker's snapshot, older than that
-- transaction's end, does not show the history's row. A volatile function looks with a new snapshot
-- at each of its statements, and sees what the calling statement has inserted.
--
-- Whoever may only insert cannot take it back: the statement fails then, and can be repeated.
create or replace function pgqueue.stays(job_id uuid) returns boolean
    language plpgsql volatile
as $$
begin
    perform where pgqueue.is_finished(job_id);
    if not found then
        return true;
    end if;
    delete from pgqueue.jobs_live j where j.id = job_id;
    return false;
exception when insufficient_privilege then
    raise exception 'pgqueue: job % has finished while it was enqueued again', job_id
        using errcode = 'serialization_failure', hint = 'enqueue it once more: nothing will change';
end $$;
