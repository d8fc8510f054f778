-- Limits that hold across the fleet: how many jobs of a key run at once, and how often one starts.
--
-- A limited job is never where plain claims look: it is *parked*, with run_at at 'infinity' for as long
-- as it lives, and its real time in due_at. claim_limited lets it in. Columns that all other rows have
-- as null: nothing is rewritten, a plain job is in no index more than before, and no claim changes them.
alter table pgqueue.jobs
    add column limit_key text,
    add column due_at timestamptz;

-- A row per key that has jobs: its limits, and what counts towards them. Who lets jobs in has it locked.
create table pgqueue.limits (
    limit_key        text primary key,
    task             text,                        -- whose it is, and whose settings count for it
    max_concurrency  integer check (max_concurrency > 0),
    rate_limit       text,                        -- such as '10/m'
    rate_burst       integer not null check (rate_burst between 1 and 100000),
    said_at          timestamptz not null,        -- when the newest of its jobs said so
    next_start       timestamptz,                 -- of a rate without bursts: when the next may start
    holders          uuid[] not null default '{}',     -- the jobs that were let in …
    claims           integer[] not null default '{}'   -- … and under which claim each
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 1000,
        autovacuum_vacuum_cost_delay = 0, vacuum_truncate = off);

-- Where jobs of a key are parked, and when to look there next: those that are due are served in the
-- order of that, and the one just served goes to the end.
create table pgqueue.lines (
    limit_key  text not null,
    queue      text not null,
    next_at    timestamptz not null,
    primary key (limit_key, queue)
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 1000,
        autovacuum_vacuum_cost_delay = 0, vacuum_truncate = off);
create index lines_next on pgqueue.lines (queue, next_at);

-- What enqueuers say of the keys that they park jobs under. A row each, and nothing that two of them
-- could wait for each other at: an enqueuer's transaction holds no lock of a key.
create table pgqueue.arrivals (
    queue            text not null,
    limit_key        text not null,
    due_at           timestamptz not null,
    said_at          timestamptz not null,
    task             text not null,
    max_concurrency  integer,
    rate_limit       text,
    rate_burst       integer not null
) with (autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 1000,
        autovacuum_vacuum_cost_delay = 0, vacuum_truncate = off);
create index arrivals_queue on pgqueue.arrivals (queue);
