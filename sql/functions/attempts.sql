-- The attempts of a job that failed, oldest first, wherever the job is now:
--     select * from pgqueue.attempts('0198…');
create or replace function pgqueue.attempts(job_id uuid)
    returns table (attempt integer, claim integer, worker_id bigint, started_at timestamptz,
                   failed_at timestamptz, error text, traceback text)
    language sql stable
begin atomic
    select e.attempt, e.claim, e.worker_id, e.started_at, e.failed_at, e.error, e.traceback
    from pgqueue.jobs j
    cross join lateral rows from (
        jsonb_to_recordset(
            case when j.state = 'failed'
                 then pgqueue.add_error(j.past_errors, j.attempt, j.claim, j.worker_id,
                                        j.started_at, j.finished_at, j.error, j.traceback)
                 else j.past_errors end)
        as (attempt integer, claim integer, worker_id bigint, started_at timestamptz,
            failed_at timestamptz, error text, traceback text)
    ) as e
    where j.id = job_id
    order by e.claim;
end;
