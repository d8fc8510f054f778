-- A job that failed
select id from pgqueue.jobs where headers->'run' = :'run' and state = 'failed' order by id limit 1;
