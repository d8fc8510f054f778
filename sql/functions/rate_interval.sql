-- How long a rate such as '10/m', '5/s', '100/h' or '2.5' (a second) lets pass from one start to the
-- next, rounded up to microseconds; null for none and for 0, which Celery takes for none.
create or replace function pgqueue.rate_interval(rate text) returns interval
    language sql immutable parallel safe
    return (
        select case when r.number > 0 then
            ceil(case r.period when 'm' then 60 when 'h' then 3600 else 1 end * 1000000::numeric / r.number)
                * interval '1 microsecond' end
        from (select split_part(rate, '/', 1)::numeric as number,
                     nullif(split_part(rate, '/', 2), '') as period) r);
