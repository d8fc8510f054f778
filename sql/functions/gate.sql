-- The advisory lock that stands for "somebody sleeps here": a sleeper holds it shared, see
-- pgqueue.wake(). One per queue, and one for those who wait for results.
create or replace function pgqueue.gate(place text) returns bigint
    language sql immutable parallel safe
    return hashtextextended('pgqueue.gate:' || place, 0);
