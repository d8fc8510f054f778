-- What these workers were running when they were lost, and whether that is held against a job.
--
-- A job is charged that may have begun. Nobody wrote down which have: that would cost each job a
-- write. But no more can have than the worker had slots; those that ran at its last heartbeat are
-- among them, and the rest were begun in the order of their claims. Nobody is charged if the worker
-- had been told to stop: then it was killed by whoever had told it so, and had no more patience.
--
-- As of now rather than as of the caller's statement: a volatile function looks with a snapshot of
-- its own. Scans jobs_live, but only if a worker is named.
create or replace function pgqueue.lost_jobs(workers bigint[])
    returns table (id uuid, claim integer, worker_id bigint, charged boolean)
    language sql volatile
begin atomic
    select j.id, j.claim, j.worker_id,
        not w.stats ? 'stopping' and w.concurrency >= row_number() over (
            partition by w.id
            order by w.active @> jsonb_build_array(jsonb_build_object('id', j.id)) desc,
                j.started_at, array_position(w.queues, j.queue), j.priority desc, j.run_at, j.id)
    from pgqueue.jobs_live j
    join pgqueue.workers w on w.id = j.worker_id
    where cardinality(workers) > 0 and j.worker_id = any (workers) and j.state = 'running';
end;
