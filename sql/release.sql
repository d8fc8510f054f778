-- running -> queued, uncharged and at its old place, for a batch of jobs that were claimed and
-- not begun, or that a stopping worker could not wait for. Fenced by the claim number.
update pgqueue.jobs_live j
set state = 'queued', attempt = j.attempt - 1
from unnest(%(ids)s::uuid[], %(claims)s::integer[]) as r (id, claim)
where j.id = r.id and j.claim = r.claim and j.state = 'running'
returning j.id::text
