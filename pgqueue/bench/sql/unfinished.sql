-- Whether anything is left to do. From the newest job on: the old ones are gone, but their dead
-- rows would be waded through.
select exists (select from pgqueue.jobs_live order by id desc limit 1)
