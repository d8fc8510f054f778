-- Tells workers something, in so many words: a row for each, and a NOTIFY, on which they look. One
-- that hears none looks with its next heartbeat; one that has not come to it after so many seconds
-- leaves it. Who tells something clears away what nobody reads any more, so that nobody else has to.
--
-- Nothing is told to nobody: no row, and no NOTIFY, which would make commits wait for each other.
create or replace function pgqueue.tell(
    broadcast uuid, command text, arguments jsonb, workers bigint[], seconds float8
) returns void
    language plpgsql volatile
as $$
begin
    if cardinality(workers) > 0 then
        delete from pgqueue.commands c
        where c.id in (
            select o.id from pgqueue.commands o
            where o.expires_at < pgqueue.now() - interval '1 hour'
            for update skip locked);
        insert into pgqueue.commands
            (broadcast, worker_id, command, arguments, sent_at, expires_at)
        select
            tell.broadcast, w.id, tell.command, tell.arguments, t.now,
            t.now + make_interval(secs => tell.seconds)
        from unnest(tell.workers) as w (id), (select pgqueue.now() as now) t;
        perform pg_notify('pgqueue.control', '');
    end if;
end $$;
