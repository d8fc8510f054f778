-- The only source of time. It follows the clock of the server, not the start of the transaction:
-- a job that is enqueued late in a long transaction is not older than one enqueued before it.
-- Tests that set the clock replace this function.
create or replace function pgqueue.now() returns timestamptz
    language sql volatile parallel safe
    return clock_timestamp();
