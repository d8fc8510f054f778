-- How often jobs of a queue may start, all of them together; null: as often as they like. Plain claims
-- pass a queue over that has a rate, see pgqueue.claim_limited().
alter table pgqueue.queues
    add column rate_limit text,                   -- such as '10/m'
    add column rate_burst integer not null default 1 check (rate_burst between 1 and 100000);

-- When the next may start, of the queues that have a rate, or had one. Apart from what was said of them,
-- so that what every claim reads is not written at each start. Who lets jobs in has the row locked.
create table pgqueue.paces (
    queue       text primary key,
    next_start  timestamptz                       -- as in pgqueue.limits
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 1000,
        autovacuum_vacuum_cost_delay = 0, vacuum_truncate = off);
