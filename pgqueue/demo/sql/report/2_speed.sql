-- How fast, from the first start to the last finish
select count(*) as jobs, max(finished_at) - min(started_at) as time,
       count(*) / extract(epoch from max(finished_at) - min(started_at)) as jobs_per_second
from pgqueue.jobs where headers->'run' = :'run';
