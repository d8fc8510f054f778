-- Whether any other worker's lease is over, asked by every worker a few times a second; and whoever
-- let go of its lifeline has only a moment left. A heartbeat, which comes first after a reconnect,
-- gives the whole lease back: that one had lost its session, not its life.
--
-- The lock is looked at last, and only of others: a session's own would be had for the asking. One
-- that was taken in another life of the server, or on another server, went without its worker's doing.
-- Nobody waits here, for a watcher's own heartbeat comes over the same connection: of two watchers
-- one gets the lock, and a row that is being written is its worker's sign of life, or its end.
-- Writes nothing as long as everybody is well.
--
-- And whether the watcher itself has been told something, which it may not have heard: who cannot
-- listen would else do it with its next heartbeat.
with fallen as materialized (
    select w.id
    from pgqueue.workers w, (select pgqueue.now() + make_interval(secs => %(grace)s::float8) as ends) g
    where w.stopped_at is null and case
        when w.stopped_at is null and w.id <> %(watcher)s::bigint and w.lifeline is not null
             and w.expires_at > g.ends
        then case
            when pg_try_advisory_xact_lock(pgqueue.lifeline(w.id))
            then w.lifeline = (select pgqueue.incarnation())
            else false
        end
        else false
    end
    for update of w skip locked
), cut as (
    update pgqueue.workers w
    set expires_at = pgqueue.now() + make_interval(secs => %(grace)s::float8)
    from fallen f
    where w.id = f.id
    returning w.name
)
select
    coalesce(bool_or(w.expires_at < pgqueue.now() and w.id <> %(watcher)s::bigint), false),
    array(select c.name from cut c order by c.name),
    count(*),
    exists (
        select from pgqueue.commands c
        where c.worker_id = %(watcher)s::bigint and c.answered_at is null
          and c.expires_at > pgqueue.now())
from pgqueue.workers w
where w.stopped_at is null
