-- Lets a schedule go on that was paused or refused; false if there is none of this name. Its times
-- meanwhile are not made up for; an interval keeps its phase.
create or replace function pgqueue.resume_schedule(name text) returns boolean
    language plpgsql volatile
as $$
begin
    update pgqueue.schedules s
    set paused_at = null, error = null, next_run_at = null, waiting_tick = null
    where s.name = resume_schedule.name and (s.paused_at is not null or s.error is not null);
    if found then
        perform pg_notify('pgqueue.control', '');
        return true;
    end if;
    return exists (select from pgqueue.schedules s where s.name = resume_schedule.name);
end $$;
