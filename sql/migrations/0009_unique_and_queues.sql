-- Who holds which unique key. A table of its own, in which plain jobs have no row, and which nobody
-- reads or writes but who enqueues a job with a key: claims and ends of jobs do not come here. So a key
-- is not given back; whether its holder still holds it is found out by the next call with that key, see
-- pgqueue.hold(), and what nobody asks for any more is taken away by a duty (prune_keys.sql).
create table pgqueue.unique_keys (
    key         text primary key check (octet_length(key) between 1 and 200),
    job_id      uuid not null,          -- the holder
    call_id     uuid not null,          -- of the newest call that made or replaced it
    taken_at    timestamptz not null,
    expires_at  timestamptz             -- held until then even when the job has ended; null: not so
) with (
    fillfactor = 80,
    autovacuum_vacuum_scale_factor = 0.0,
    autovacuum_vacuum_threshold = 10000,
    autovacuum_vacuum_cost_delay = 0,
    vacuum_truncate = off
);

-- How many jobs may wait in a queue; null: no end of them. Read by every enqueue, of whatever role.
alter table pgqueue.queues add column max_depth integer check (max_depth >= 0);
grant select (name, max_depth) on pgqueue.queues to public;

-- How long a queue's finished jobs are kept, where that is shorter than pgqueue.retention says.
alter table pgqueue.queues add column keep interval check (keep >= interval '0');
