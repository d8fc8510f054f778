-- Every queue with what waits and runs in it.
select s.queue, s.paused, s.waiting, s.ready, s.scheduled, s.running,
    extract(epoch from s.oldest_ready)::float8 as oldest_ready, s.max_depth,
    extract(epoch from s.keep)::float8 as keep, s.rate_limit, s.rate_burst, s.limited
from pgqueue.queue_stats s
order by s.queue
