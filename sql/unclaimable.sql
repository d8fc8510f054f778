-- Tasks whose jobs wait although no live worker knows their name or serves their queue.
select j.queue, j.task, count(*) as jobs, min(j.created_at) as oldest
from pgqueue.jobs_live j
where j.state = 'queued'
  and not exists (
    select
    from pgqueue.workers w
    where w.stopped_at is null
      and w.expires_at > pgqueue.now()
      and j.task = any (w.tasks)
      and j.queue = any (w.queues))
group by j.queue, j.task
order by jobs desc, j.queue, j.task
limit %(limit)s::integer
