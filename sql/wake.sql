-- Wakes the sleepers of some places, as late in the transaction as can be: who lies down after
-- this look polls for as long as the transaction goes on.
select pgqueue.wake(p.place, 'pgqueue.jobs') from unnest(%(places)s::text[]) as p (place)
