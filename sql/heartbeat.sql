-- A worker says that it lives, what it has done and what it runs. No row comes back once it has
-- been declared stopped: its jobs belong to others now, and it must register anew.
--
-- It learns whether it has been told something, and which settings of tasks are in force, by a sum
-- that changes with them: both are looks into what is nearly always empty.
update pgqueue.workers w
set heartbeat_at = t.now,
    expires_at = t.now + make_interval(secs => %(lease)s::float8),
    lifeline = %(lifeline)s::text,
    stats = %(stats)s::jsonb,
    active = %(active)s::jsonb
from (select pgqueue.now() as now) t
where w.id = %(worker_id)s::bigint and w.stopped_at is null
returning
    exists (
        select from pgqueue.commands c
        where c.worker_id = w.id and c.answered_at is null and c.expires_at > t.now),
    (select coalesce(sum(hashtextextended(s::text, 0)), 0)::text from pgqueue.task_settings s)
