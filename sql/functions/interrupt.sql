-- Tells the workers that run these jobs that their cancellation was asked for, and how a run is to
-- be ended that does not end when it is asked: by a signal's name; null: it is not, see
-- pgqueue/worker/commands.py. Follows the mark that pgqueue.cancel() has left on them, under which
-- none is ever claimed again: so the claim that is read here is the last one.
create or replace function pgqueue.interrupt(ids uuid[], signal text) returns void
    language plpgsql volatile
as $$
begin
    perform pgqueue.tell(
        pgqueue.uuid7(), 'revoke',
        jsonb_build_object('jobs', r.jobs, 'signal', interrupt.signal),
        array[r.worker_id], 3600)
    from (
        select j.worker_id, jsonb_agg(jsonb_build_array(j.id, j.claim)) as jobs
        from unnest(interrupt.ids) as i (id)
        join pgqueue.jobs_live j on j.id = i.id
        where j.state = 'running' and j.cancel_requested_at is not null
        group by j.worker_id
    ) r;
end $$;
