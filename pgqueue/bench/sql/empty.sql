truncate pgqueue.jobs, pgqueue.workers
