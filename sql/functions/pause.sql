-- Stops claims from a queue, at once and for every worker, until pgqueue.resume(). Jobs that run
-- already go on. The emergency stop is
--     select pgqueue.pause(queue) from pgqueue.queue_stats;
create or replace function pgqueue.pause(queue text) returns void
    language sql volatile
begin atomic
    insert into pgqueue.queues as q (name, paused_at)
    values (pause.queue, pgqueue.now())
    on conflict (name) do update set paused_at = coalesce(q.paused_at, excluded.paused_at);
end;
