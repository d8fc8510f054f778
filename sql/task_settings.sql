-- What was said of tasks while everything runs.
select s.task, s.rate_limit, s.limits_at is not null, s.time_limit, s.soft_time_limit
from pgqueue.task_settings s
order by s.task
