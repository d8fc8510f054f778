-- Refuses the transaction if one of these queues holds more than it may; asked when jobs have been copied.
select pgqueue.admit(q.name, 0)
from pgqueue.queues q
where q.name = any (%(queues)s::text[]) and q.max_depth is not null
