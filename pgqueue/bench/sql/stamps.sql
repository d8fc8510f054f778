-- How long each job that stamps its start had to wait for it, in seconds.
select (j.result #>> '{}')::float8 - (j.args ->> 0)::float8
from pgqueue.jobs j
where j.state = 'succeeded' and j.task = 'bench.stamp'
