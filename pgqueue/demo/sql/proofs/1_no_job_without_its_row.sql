-- files rolled back that have a job
select count(*) from pgqueue_demo.rolled_back r join pgqueue.jobs j on j.id = r.job_id
where r.run_id = :'run';
