-- Whether a job stays that was inserted a moment ago, in the same statement, under an id that was
-- used before; if one of that id has finished, it is taken back.
--
-- Asking before the insert does not do. The insert may have waited for a transaction that finishes
-- the very job: then the id is free among the live ones, and the asker's snapshot, older than that
-- transaction's end, does not show the history's row. A volatile function looks with a new snapshot
-- at each of its statements, and sees what the calling statement has inserted.
--
-- With its owner's rights, so that who may enqueue need not have the right to delete: there is never
-- anything else that it could take back.
create or replace function pgqueue.stays(job_id uuid) returns boolean
    language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
begin
    if not pgqueue.is_finished(job_id) then
        return true;
    end if;
    delete from pgqueue.jobs_live j where j.id = job_id;
    return false;
end $$;
