-- A worker has stopped by itself, and holds no jobs any more.
update pgqueue.workers w
set stopped_at = pgqueue.now(), active = '[]'
where w.id = %(worker_id)s::bigint and w.stopped_at is null
