-- Takes the shared lock that tells enqueuers to wake this session, for each place. By trying,
-- never by waiting: an enqueuer that looks at this instant has the lock alone, and the next poll
-- tries again.
select p.place
from unnest(%(places)s::text[]) as p (place)
where pg_try_advisory_lock_shared(pgqueue.gate(p.place))
