-- A UUID version 7 (RFC 9562) for callers who make none themselves: milliseconds since 1970, then
-- random bits, so that ids that are made together lie together in the index.
create or replace function pgqueue.uuid7() returns uuid
    language sql volatile parallel safe
    return encode(
        set_bit(set_bit(
            overlay(uuid_send(gen_random_uuid())
                placing substring(int8send((extract(epoch from clock_timestamp()) * 1000)::bigint) from 3)
                from 1 for 6),
            52, 1), 53, 1),
        'hex')::uuid;
