-- Adds a schedule: from now on a job is enqueued at each of its times.
--
--     select pgqueue.add_schedule('nightly', 'billing.close_day', '30 2 * * *', timezone => 'Europe/Oslo');
--
-- name         of the schedule; no two have the same
-- task         the registered name of the task
-- schedule     '*/5 * * * *' (cron: minute hour day month weekday, and seconds as a sixth field),
--              'every 30 seconds', 'every 2 hours'
-- payload      {"args": [...], "kwargs": {...}}, either may be left out
-- queue, priority, expires, headers, max_retries  as of enqueue(); expires: so long after its time
-- timezone     whose clock counts
-- catch_up     how many jobs make up for times that nobody kept, while all schedulers were down: 0, 1, …
-- overlap      what to do while the last job has not ended: allow another one, skip this time, queue
--              one behind it, replace it
--
-- Whether the schedule can be read is found out by the scheduler, who notes in `error` if not.
create or replace function pgqueue.add_schedule(
    name text, task text, schedule text, payload jsonb default '{}', queue text default 'default',
    priority integer default 0, expires interval default null, headers jsonb default null,
    max_retries integer default null, timezone text default 'UTC', catch_up integer default 1,
    overlap text default 'allow'
) returns void
    language plpgsql volatile
as $$
#variable_conflict use_column
declare
    stranger  text;
begin
    if payload is null or jsonb_typeof(payload) <> 'object' then
        raise exception 'pgqueue.add_schedule: payload must be an object such as {"args": [1], "kwargs": {"b": 2}}, not %',
            coalesce(jsonb_typeof(payload), 'null') using errcode = '22023';
    end if;
    select k into stranger from jsonb_object_keys(payload) k where k not in ('args', 'kwargs') limit 1;
    if stranger is not null then
        raise exception 'pgqueue.add_schedule: payload has a key %, but only "args" and "kwargs" mean something',
            to_json(stranger) using errcode = '22023',
            hint = 'options such as queue and priority are arguments: queue => ''billing''';
    end if;
    insert into pgqueue.schedules
        (name, task, args, kwargs, queue, priority, expires_in, max_attempts, headers, schedule, timezone,
         catch_up, overlap, created_at)
    values
        (add_schedule.name, task, coalesce(payload -> 'args', '[]'), coalesce(payload -> 'kwargs', '{}'),
         queue, priority, extract(epoch from expires), max_retries + 1, headers, schedule, timezone,
         catch_up, overlap, pgqueue.now());
    perform pg_notify('pgqueue.control', '');
end $$;
