-- Notes when each claim of a job with limits began and ended, by the clock of this server: also of
-- claims that crashes, rescues and workers that stop take back, of which the history has nothing.
create table pgqueue.witness (
    id uuid, claim integer, limit_key text, began timestamptz, ended timestamptz, lost boolean,
    primary key (id, claim)
);
create function pgqueue.witness() returns trigger language plpgsql as $$
begin
    if old.state <> 'running' then
        insert into pgqueue.witness (id, claim, limit_key, began)
        values (new.id, new.claim, new.limit_key, new.started_at);
    else
        update pgqueue.witness w
        set ended = clock_timestamp(),
            lost = exists (select from pgqueue.workers k
                           where k.id = old.worker_id and k.stopped_at is not null and k.expires_at < clock_timestamp())
        where w.id = old.id and w.claim = old.claim;
    end if;
    return null;
end $$;
create trigger witness_begin after update of state on pgqueue.jobs_live
    for each row when (old.limit_key is not null and old.state is distinct from new.state)
    execute function pgqueue.witness();
create trigger witness_end after delete on pgqueue.jobs_live
    for each row when (old.limit_key is not null and old.state = 'running')
    execute function pgqueue.witness();
