-- queued -> cancelled, for one batch of a queue's jobs that nobody runs. Repeated until it
-- returns 0, it empties the queue in short transactions that block no worker for long.
select count(*)
from pgqueue.cancel(array(
    select j.id
    from pgqueue.jobs_live j
    where j.queue = %(queue)s::text and j.state = 'queued'
    order by j.priority, j.run_at, j.id
    limit %(limit)s::integer
)) c
