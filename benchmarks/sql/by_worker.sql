-- How many jobs each worker has finished.
select j.worker_id, count(*) from pgqueue.jobs j where j.state = 'succeeded' group by 1
