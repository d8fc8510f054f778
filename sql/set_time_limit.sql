-- Says how long runs of a task may take, in place of what it declares; nulls: as long as they like.
-- Two who say it at once: the later one counts. Workers see it with their next heartbeat.
insert into pgqueue.task_settings as s (task, time_limit, soft_time_limit, limits_at)
values (%(task)s::text, %(time_limit)s::float8, %(soft_time_limit)s::float8, pgqueue.now())
on conflict (task) do update
set time_limit = excluded.time_limit,
    soft_time_limit = excluded.soft_time_limit,
    limits_at = excluded.limits_at
