-- Gives the shared locks back: nobody needs to wake this session any more.
select pg_advisory_unlock_shared(pgqueue.gate(p.place))
from unnest(%(places)s::text[]) as p (place)
