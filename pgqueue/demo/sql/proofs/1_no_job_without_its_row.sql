-- files rolled back whose job exists all the same
select count(*) from pgqueue_demo.rolled_back r join pgqueue.jobs j on j.id = r.job_id
where r.run_id = :'run'
