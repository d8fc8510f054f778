-- Says how often a task may run, in place of what it declares; null: as often as it likes. Two who
-- say it at once: the later one counts.
insert into pgqueue.task_settings as s (task, rate_limit, rate_limit_at)
values (%(task)s::text, %(rate_limit)s::text, pgqueue.now())
on conflict (task) do update
set rate_limit = excluded.rate_limit, rate_limit_at = excluded.rate_limit_at
