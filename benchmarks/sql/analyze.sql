analyze pgqueue.jobs_live
