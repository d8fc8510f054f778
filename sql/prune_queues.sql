-- Deletes the finished jobs in one slice of the history that their queues do not keep so long.
select p.leaf, p.last, p.pruned
from pgqueue.prune_queues(%(after)s::text, %(page)s::bigint, %(pages)s::integer) p
