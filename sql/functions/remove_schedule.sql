-- Removes a schedule; false if there is none of this name. What it has enqueued stays, and so does its
-- history. One that an application declares comes back with the next worker that starts: pause it.
create or replace function pgqueue.remove_schedule(name text) returns boolean
    language plpgsql volatile
as $$
begin
    delete from pgqueue.schedules s where s.name = remove_schedule.name;
    return found;
end $$;
