-- running -> queued, uncharged, for jobs that a worker is said to run and does not know: their
-- claim was committed, but its answer was lost with the connection. Asked after every reconnect
-- and after a heartbeat, which waits for a claim that is still under way on the old connection.
update pgqueue.jobs_live j
set state = 'queued', attempt = j.attempt - 1
where j.worker_id = %(worker_id)s::bigint
  and j.state = 'running'
  and not exists (select from unnest(%(ids)s::uuid[]) as k (id) where k.id = j.id)
returning j.id::text
