-- Takes a worker's lifeline for this session; false if a watcher is just looking whether it is free.
select pg_try_advisory_lock(pgqueue.lifeline(%(worker_id)s::bigint))
