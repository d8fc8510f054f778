-- What workers have answered to what was told them together; a null: nothing yet.
select c.worker_id, c.reply::text
from pgqueue.commands c
where c.broadcast = %(broadcast)s::uuid
order by c.id
