-- Takes a unique key for a job that the caller enqueues in the same transaction; returns the job that
-- holds the key: this one, or the one that does already and stands for it.
--
-- Two calls with a new key: the second waits for the first's transaction, by the key's row. If it is
-- committed, its job holds; if not, there never was one. A key whose job holds is only looked at, so
-- that calls which come to nothing do not wait for each other. One whose job does not hold is locked,
-- and looked at again: another call may have taken it meanwhile.
--
-- A job that asks for the key that it holds is sent again, or runs again (retry.sql). It locks the row,
-- too: who finds it not live waits here until it is.
--
-- With its owner's rights, so that who may enqueue need have none to keys.
create or replace function pgqueue.hold(
    key text, job_id uuid, until_start boolean default false, seconds float8 default null
) returns uuid
    language plpgsql volatile security definer
    set search_path = pg_catalog, pg_temp
    set enable_seqscan = off
as $$
#variable_conflict use_column
declare
    moment  timestamptz := pgqueue.now();
    ends    timestamptz := moment + make_interval(secs => seconds);
    held    record;
    locked  boolean := false;
begin
    loop
        insert into pgqueue.unique_keys (key, job_id, call_id, taken_at, expires_at)
        values (hold.key, hold.job_id, hold.job_id, moment, ends)
        on conflict (key) do nothing;
        if found then
            return hold.job_id;
        end if;
        if locked then
            select k.* into held from pgqueue.unique_keys k where k.key = hold.key for update;
        else
            select k.* into held from pgqueue.unique_keys k where k.key = hold.key;
        end if;
        continue when not found;
        exit when case when hold.job_id = held.job_id then locked
                       else hold.job_id = held.call_id or pgqueue.holds(
                           held.job_id, until_start, held.taken_at, held.expires_at) end;
        if locked then
            update pgqueue.unique_keys k
            set job_id = hold.job_id, call_id = hold.job_id, taken_at = moment, expires_at = ends
            where k.key = hold.key;
            return hold.job_id;
        end if;
        locked := true;
    end loop;
    return held.job_id;
end $$;
