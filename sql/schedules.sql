-- Every schedule, or the one of a name: first those that are refused, then in the order of their time,
-- paused ones last.
select
    s.name, s.task, s.args::text, s.kwargs::text, s.queue, s.priority, s.expires_in, s.max_attempts,
    s.headers::text, s.schedule, s.timezone, s.catch_up, s.overlap, s.source, s.created_at, s.edited_at,
    s.paused_at, s.error, s.next_run_at, s.anchor_at, s.last_run_at, s.last_job_id::text,
    (select j.state::text from pgqueue.jobs j where j.id = s.last_job_id), s.waiting_tick
from pgqueue.schedules s
where %(name)s::text is null or s.name = %(name)s::text
order by s.paused_at is not null, s.error is null, s.next_run_at, s.name
