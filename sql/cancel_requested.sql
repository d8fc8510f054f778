-- queued -> cancelled, for those of a batch whose cancellation was asked for while they ran.
-- Follows retry, release and crash in the same transaction, so that none of them runs again.
select c.id::text
from pgqueue.cancel(array(
    select j.id
    from unnest(%(ids)s::uuid[]) as r (id)
    join pgqueue.jobs_live j on j.id = r.id
    where j.state = 'queued' and j.cancel_requested_at is not null
)) c
