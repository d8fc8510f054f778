-- How many jobs a rate lets start now, and from when on they are reckoned. This is GCRA: next_start is
-- when the next job may start if none may come early; with a burst of b, b - 1 may come early. Each one
-- that starts makes next_start later by an interval, from `starts` on. In any span of time t no more than
-- b + t / interval jobs start. Without an interval there is no rate, and room is null.
--
-- A clock that was set back, or a rate that was raised, must not hold anybody up for longer than the
-- burst is worth: then `starts` is earlier than next_start, and to be written in its place.
create or replace function pgqueue.rate_room(
    moment timestamptz, next_start timestamptz, every interval, burst integer
) returns table (starts timestamptz, room double precision)
    language sql immutable parallel safe
as $$
    select
        s.starts,
        floor(burst - extract(epoch from s.starts - moment) / extract(epoch from every))::float8
    from (select greatest(moment, case when next_start is not null
              then least(next_start, moment + burst * every) end) as starts) s
$$;
