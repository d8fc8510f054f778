delete from pgqueue.jobs
