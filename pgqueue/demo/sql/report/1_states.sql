-- How the jobs ended
select state, count(*) as jobs, sum(attempt) as attempts
from pgqueue.jobs where headers->'run' = :'run' group by state order by state;
