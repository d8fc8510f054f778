-- Takes away the unique keys in one slice whose jobs have ended, and whose windows are over: by slices, in
-- the order of the keys, so that a million of them cost little at a time.
select p.keys, coalesce(p.last, ''), p.pruned
from pgqueue.prune_keys(%(after)s::text, %(limit)s::integer) p
