-- How fast, from the first start to the last finish
select count(*) as jobs, extract(epoch from max(finished_at) - min(started_at))::float8 as seconds,
       count(*) / extract(epoch from max(finished_at) - min(started_at))::float8 as jobs_per_second
from pgqueue.jobs where headers->'run' = :'run' and finished_at > started_at
