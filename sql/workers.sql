-- The workers that have not stopped, with what they last said of themselves.
select
    w.id, w.name, w.hostname, w.pid, w.version, w.queues, w.tasks, w.processes, w.concurrency,
    w.started_at, w.heartbeat_at, w.expires_at > t.now as alive,
    extract(epoch from t.now - w.heartbeat_at)::float8 as silent_for, w.stats, w.active
from pgqueue.workers w, (select pgqueue.now() as now) t
where w.stopped_at is null
order by w.name, w.id
