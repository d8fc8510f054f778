-- The workers whose lease is over are declared stopped; returned are the jobs that they still ran,
-- and which of them are charged with a crash.
--
-- By the lease alone, never by how long a job has been running. A worker never declares itself lost:
-- it lives, and its next heartbeat says so. One that is claiming at this instant holds its row and
-- is passed over. One that was only frozen finds its row stopped, its
-- writes refused, and registers anew. The scan of jobs_live happens only when somebody died, and
-- after the worker's row is locked: a claim that was committed since this statement began, which
-- its own snapshot does not show, would else run under a stopped worker for ever.
with dead as materialized (
    select w.id, w.name
    from pgqueue.workers w
    where w.stopped_at is null and w.expires_at < pgqueue.now() and w.id <> %(watcher)s::bigint
    for update skip locked
), stopped as (
    update pgqueue.workers w
    set stopped_at = pgqueue.now()
    from dead d
    where w.id = d.id
    returning w.id
)
select j.id::text, j.claim, d.id, d.name, j.charged
from pgqueue.lost_jobs(array(select s.id from stopped s)) j
join dead d on d.id = j.worker_id
order by j.id
