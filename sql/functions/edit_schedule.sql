-- Changes a schedule; false if there is none of this name.
--
--     select pgqueue.edit_schedule('nightly', '{"schedule": "0 3 * * *", "queue": "slow"}');
--
-- `changes` may hold columns of pgqueue.schedules that say what is enqueued when: task, args, kwargs,
-- queue, priority, expires_in (seconds), max_attempts, headers, schedule, timezone, catch_up, overlap.
--
-- Of one that an application declares, the change holds until that declares something else.
create or replace function pgqueue.edit_schedule(name text, changes jsonb) returns boolean
    language plpgsql volatile
as $$
#variable_conflict use_column
declare
    stranger  text;
begin
    select k into stranger
    from jsonb_object_keys(changes) k
    where k not in ('task', 'args', 'kwargs', 'queue', 'priority', 'expires_in', 'max_attempts', 'headers',
                    'schedule', 'timezone', 'catch_up', 'overlap')
    limit 1;
    if stranger is not null then
        raise exception 'pgqueue.edit_schedule: there is no % to change', to_json(stranger)
            using errcode = '22023',
            hint = 'there are task, args, kwargs, queue, priority, expires_in, max_attempts, headers, schedule, timezone, catch_up and overlap';
    end if;
    update pgqueue.schedules s
    set task = c.task, args = c.args, kwargs = c.kwargs, queue = c.queue, priority = c.priority,
        expires_in = c.expires_in, max_attempts = c.max_attempts, headers = nullif(c.headers, 'null'),
        schedule = c.schedule, timezone = c.timezone, catch_up = c.catch_up, overlap = c.overlap,
        error = null, edited_at = pgqueue.now(),
        next_run_at = case when (s.schedule, s.timezone) = (c.schedule, c.timezone) then s.next_run_at end,
        anchor_at = case when s.schedule = c.schedule then s.anchor_at end,
        waiting_tick = case when c.overlap = 'queue' then s.waiting_tick end
    from pgqueue.schedules o
    cross join lateral jsonb_populate_record(o, changes) c
    where o.name = edit_schedule.name and s.name = o.name;
    if not found then
        return false;
    end if;
    perform pg_notify('pgqueue.control', '');
    return true;
end $$;
