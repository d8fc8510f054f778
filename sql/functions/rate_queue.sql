-- Limits how often jobs of a queue start, all of them together, over all workers and whoever enqueues:
-- '10/m', '5/s', '100/h' or so many a second; null takes the rate away. rate_burst jobs may start at once
-- after a rest; with 1, starts are spread evenly. It counts from the commit on.
--
--     select pgqueue.rate_queue('mail', '10/m');
--
-- The pace stays when the rate goes: a lock of it, in a transaction that is not over yet, would keep
-- workers from the queue. Who sleeps is woken, since jobs may be where it did not look for them.
create or replace function pgqueue.rate_queue(
    queue text, rate_limit text, rate_burst integer default 1
) returns void
    language plpgsql volatile
as $$
#variable_conflict use_variable
begin
    if queue is null or queue = '' then
        raise exception 'pgqueue.rate_queue: queue must be the name of a queue' using errcode = '22023';
    end if;
    if rate_limit is not null and pgqueue.rate_interval(rate_limit) is null then
        raise exception 'pgqueue.rate_queue: rate_limit is %, but must be so many a second, or a text such as 10/s, 10/m, 10/h',
            to_json(rate_limit) using errcode = '22023',
            hint = 'null takes the rate away; pgqueue.pause() has nothing start';
    end if;
    if rate_burst is null or rate_burst not between 1 and 100000 then
        raise exception 'pgqueue.rate_queue: rate_burst is %, but must be 1 to 100000', rate_burst
            using errcode = '22023';
    end if;
    insert into pgqueue.paces (queue) values (queue)
    on conflict do nothing;
    insert into pgqueue.queues as q (name, rate_limit, rate_burst)
    values (queue, rate_limit, rate_burst)
    on conflict (name) do update set rate_limit = excluded.rate_limit, rate_burst = excluded.rate_burst;
    perform pgqueue.wake(queue, 'pgqueue.jobs');
end $$;
