-- Says how long a queue's finished jobs are kept, where that is shorter than what pgqueue.retention says
-- for all; null: as that says. See pgqueue.prune_queues().
create or replace function pgqueue.keep_finished(queue text, keep interval) returns void
    language sql volatile
begin atomic
    insert into pgqueue.queues as q (name, keep)
    values (keep_finished.queue, keep_finished.keep)
    on conflict (name) do update set keep = excluded.keep;
end;
