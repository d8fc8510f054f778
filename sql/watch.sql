-- Whether any worker's lease is over, asked by every worker a few times a second; and whoever let
-- go of its lifeline has only a moment left. A heartbeat, which comes first after a reconnect,
-- gives the whole lease back: that one had lost its session, not its life.
--
-- The lock is looked at last, and only of others: a session's own would be had for the asking.
-- Writes nothing as long as everybody is well.
with falling as (
    update pgqueue.workers w
    set expires_at = t.now + make_interval(secs => %(grace)s::float8)
    from (select pgqueue.now() as now) t
    where case
        when w.stopped_at is null and w.has_lifeline and w.id <> %(watcher)s::bigint
             and w.expires_at > t.now + make_interval(secs => %(grace)s::float8)
        then pg_try_advisory_xact_lock(pgqueue.lifeline(w.id))
        else false
    end
    returning w.name
)
select
    exists (select from pgqueue.workers w where w.stopped_at is null and w.expires_at < pgqueue.now()),
    array(select f.name from falling f order by f.name)
