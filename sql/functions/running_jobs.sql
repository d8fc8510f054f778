-- What these workers are running, as of now rather than as of the caller's statement: a volatile
-- function looks with a snapshot of its own. Scans jobs_live, but only if a worker is named.
-- For workers of earlier releases: today's ask lost_jobs().
create or replace function pgqueue.running_jobs(workers bigint[])
    returns table (id uuid, claim integer, worker_id bigint)
    language sql volatile
begin atomic
    select j.id, j.claim, j.worker_id
    from pgqueue.jobs_live j
    where cardinality(workers) > 0 and j.worker_id = any (workers) and j.state = 'running';
end;
