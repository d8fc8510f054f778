-- When the first job was claimed and the last one finished, and how many have.
select
    extract(epoch from min(j.started_at))::float8, extract(epoch from max(j.finished_at))::float8,
    count(*)
from pgqueue.jobs j
where j.state = 'succeeded'
