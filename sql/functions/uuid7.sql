-- A UUID version 7 (RFC 9562) for callers who make none themselves: milliseconds since 1970 and 12 bits
-- of their fractions, then random bits. So ids come in the order in which they are made, as those of
-- Python do: jobs of one transaction start in that order, and lie together in index and table.
create or replace function pgqueue.uuid7() returns uuid
    language sql volatile parallel safe
    return (
        overlay(
            lpad(to_hex((extract(epoch from clock_timestamp()) * 4096000)::bigint), 15, '0')
            placing '7' from 13 for 0)
        || substr(gen_random_uuid()::text, 20))::uuid;
