-- Cancels what is left of a run
select count(*) from pgqueue.cancel(array(
    select id from pgqueue.jobs
    where headers->'run' = :'run' and state in ('waiting', 'queued', 'running')
));
