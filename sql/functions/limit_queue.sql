-- Limits how many jobs may wait in a queue; null takes the limit away. What waits already stays.
-- Enqueues that would make it more are refused, see pgqueue.admit().
create or replace function pgqueue.limit_queue(queue text, max_depth integer) returns void
    language sql volatile
begin atomic
    insert into pgqueue.queues as q (name, max_depth)
    values (limit_queue.queue, limit_queue.max_depth)
    on conflict (name) do update set max_depth = excluded.max_depth;
end;
