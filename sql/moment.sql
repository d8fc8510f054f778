-- The time in microseconds since 1970: a number, which no setting of the session and no adapter of
-- the caller's connection changes.
select (extract(epoch from pgqueue.now()) * 1000000)::bigint
