-- The advisory lock that a worker's control session holds as long as it lasts. A process that dies
-- frees it within milliseconds, long before its lease is over. It is no proof: a session that was
-- terminated frees it, too.
create or replace function pgqueue.lifeline(worker bigint) returns bigint
    language sql immutable parallel safe
    return hashtextextended('pgqueue.worker:' || worker, 0);
