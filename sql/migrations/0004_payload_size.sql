-- A payload is at most 64 MB as jsonb keeps it. What Python may enqueue, 4 MiB of JSON, takes less
-- than half of that in any case. One that is much larger cannot be claimed: its text is longer than
-- a value of PostgreSQL may be, every claim of its queue fails by it, and no worker gets past it.
--
-- Looked at when a row is inserted, before it is compressed; what is there already is not read.
alter table pgqueue.jobs_live
    add constraint payload_takes_at_most_64_mb check (
        pg_column_size(args) <= 67108864
        and pg_column_size(kwargs) <= 67108864
        and coalesce(pg_column_size(headers), 0) <= 67108864
    ) not valid;
