-- jobs that succeeded and have no row of results
select count(*) from pgqueue.jobs j where j.headers->'run' = :'run' and j.state = 'succeeded'
and not exists (select from pgqueue_demo.analyses a where a.job_id = j.id);
