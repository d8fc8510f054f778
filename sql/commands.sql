-- What a worker has been told and has not answered yet, oldest first, under every id that it has
-- had. Nobody else answers it, so nothing is locked.
select c.id, c.command, c.arguments::text
from pgqueue.commands c
where c.worker_id = any (%(workers)s::bigint[])
  and c.answered_at is null
  and c.expires_at > pgqueue.now()
order by c.id
