-- When each sleep began and ended, how long it was to be, and which worker ran it.
select
    (j.result ->> 0)::float8, (j.result ->> 1)::float8, (j.args ->> 0)::float8, j.worker_id
from pgqueue.jobs j
where j.state = 'succeeded' and j.task = 'pressure.sleep'
order by 1
