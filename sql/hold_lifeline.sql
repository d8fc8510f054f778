-- Takes a worker's lifeline for this session; returns in which life of the server, for the worker's
-- row. Null if a watcher is just looking whether it is free, or the session before is not over yet.
select case when pg_try_advisory_lock(pgqueue.lifeline(%(worker_id)s::bigint)) then pgqueue.incarnation() end
