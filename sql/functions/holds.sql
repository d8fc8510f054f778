-- Whether a job holds its unique key still, as far as a new call is concerned.
--
-- It does while it lives; for calls that want their own run once it has started (until_start), while it
-- is queued. In any case it does until its window is over, if it has one and has not failed or been
-- cancelled: then what the key was for has not been done.
--
-- Whoever is told that a queued job stands for its own call wants that one's run to see what it has
-- written. So that job is locked: no claim takes it before the caller's transaction has ended. Many
-- callers may hold this lock at once. Where a running job does as well, there is nothing to wait for.
create or replace function pgqueue.holds(
    job_id uuid, until_start boolean, taken_at timestamptz, expires_at timestamptz
) returns boolean
    language plpgsql volatile
as $$
begin
    if not until_start then
        if exists (select from pgqueue.jobs_live j where j.id = job_id) then
            return true;
        end if;
    else
        perform from pgqueue.jobs_live j where j.id = job_id and j.state = 'queued' for key share;
        if found then
            return true;
        end if;
    end if;
    return expires_at > pgqueue.now() and not exists (
        select
        from pgqueue.jobs h
        where h.id = job_id and h.state in ('failed', 'cancelled') and h.finished_at >= taken_at);
end $$;
