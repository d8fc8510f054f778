-- A worker says that it lives, what it has done and what it runs. No row comes back once it has
-- been declared stopped: its jobs belong to others now, and it must register anew.
update pgqueue.workers w
set heartbeat_at = t.now,
    expires_at = t.now + make_interval(secs => %(lease)s::float8),
    lifeline = %(lifeline)s::text,
    stats = %(stats)s::jsonb,
    active = %(active)s::jsonb
from (select pgqueue.now() as now) t
where w.id = %(worker_id)s::bigint and w.stopped_at is null
returning w.id
