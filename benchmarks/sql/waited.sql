-- What stamping jobs say of how long they waited, in seconds.
select (j.result #>> '{}')::float8
from unnest(%(ids)s::uuid[]) as i (id)
join pgqueue.jobs j on j.id = i.id and j.state = 'succeeded'
