-- A worker has been told to serve other queues, or to run more or fewer jobs at once: its row says
-- so. Its own row, which only a rescue changes beside it.
update pgqueue.workers w
set queues = %(queues)s::text[],
    processes = %(processes)s::smallint,
    concurrency = %(concurrency)s::integer
where w.id = %(worker_id)s::bigint
