-- Parked jobs by their key, in the order in which they are let in; no other job is in it.
--
-- Apart from 0010, because there readers would have to wait, too, while the live jobs are scanned; here
-- only writers do.
create index jobs_live_parked on pgqueue.jobs_live (limit_key, queue, priority desc, due_at, id)
    where due_at is not null;
