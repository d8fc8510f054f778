-- The errors of a job's attempts with one more at the end. The newest 100 are kept, so that a job
-- that retries for ever does not grow for ever.
create or replace function pgqueue.add_error(
    past jsonb, attempt integer, claim integer, worker_id bigint,
    started_at timestamptz, failed_at timestamptz, error text, traceback text
) returns jsonb
    language sql immutable parallel safe
    return case
            when past is null then '[]'
            when jsonb_array_length(past) >= 100 then past - 0
            else past
        end || jsonb_build_object(
            'attempt', attempt, 'claim', claim, 'worker_id', worker_id, 'started_at', started_at,
            'failed_at', failed_at, 'error', error, 'traceback', traceback);
