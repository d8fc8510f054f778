-- Whether a job of this id is in the history. In plpgsql, because that is planned only when it is
-- called: an enqueue that does not ask touches none of the history's partitions.
create or replace function pgqueue.is_finished(job_id uuid) returns boolean
    language plpgsql stable
as $$
begin
    return exists (
        select from pgqueue.jobs j
        where j.id = job_id and j.state in ('succeeded', 'failed', 'cancelled'));
end $$;
