-- Pauses a schedule, whoever declares it, until resume_schedule(); false if there is none of this name.
create or replace function pgqueue.pause_schedule(name text) returns boolean
    language plpgsql volatile
as $$
begin
    update pgqueue.schedules s
    set paused_at = coalesce(s.paused_at, pgqueue.now())
    where s.name = pause_schedule.name;
    return found;
end $$;
