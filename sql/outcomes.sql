-- Which of these jobs have finished since a time, and how. Bounded by finished_at, so that a
-- waiting caller reads today's partitions only, and not the whole history again and again.
select j.id::text, j.state::text, j.result::text, j.error, j.traceback
from unnest(%(ids)s::uuid[]) as w (id)
join pgqueue.jobs j on j.id = w.id
where j.state in ('succeeded', 'failed', 'cancelled')
  and j.finished_at >= %(since)s::timestamptz
