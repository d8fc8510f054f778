-- running -> queued, uncharged, for jobs that a worker is said to run under a claim that it does not
-- know: the claim was committed, but its answer was lost with the connection. By id alone it would
-- not do: the same transaction may have given back a job under one claim and claimed it anew. Asked
-- after every reconnect and after a heartbeat, which waits for a claim that is still under way on
-- the old connection. A claim may even begin there later, as long as the server has not noticed that
-- nobody is at the other end: so once more when the new session gets the lifeline, which the old one
-- held to its end, and when the worker stops.
--
-- Rows are locked in order of id, because a batch may still be finishing on that connection.
with unknown as materialized (
    select j.id
    from pgqueue.jobs_live j
    where j.worker_id = %(worker_id)s::bigint
      and j.state = 'running'
      and not exists (
          select from unnest(%(ids)s::uuid[], %(claims)s::integer[]) as k (id, claim)
          where k.id = j.id and k.claim = j.claim)
    order by j.id
    for update of j
)
update pgqueue.jobs_live j
set state = 'queued', attempt = j.attempt - 1
from unknown u
where j.id = u.id
returning j.id::text
