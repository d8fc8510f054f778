-- A worker has stopped by itself, and holds no jobs any more. It waits for a claim that is still
-- under way on a session that the worker had lost, and lets none follow; reconcile.sql gives back what
-- that has claimed, in the same transaction. Nobody else would: rescue looks for workers that live.
update pgqueue.workers w
set stopped_at = pgqueue.now(), active = '[]'
where w.id = %(worker_id)s::bigint and w.stopped_at is null
