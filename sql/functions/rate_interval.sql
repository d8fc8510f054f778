-- How long a rate such as '10/m', '5/s', '100/h' or '2.5' (a second) lets pass from one start to the
-- next, rounded up to microseconds, a year at most; null for none and for 0, which Celery takes for
-- none. Null, too, for what is no rate: somebody's slip in task_settings must not stop all others.
create or replace function pgqueue.rate_interval(rate text) returns interval
    language sql immutable parallel safe
    return (
        select case when r.number > 0 then
            least(3.2e13, ceil(
                1000000::numeric * case r.period when 'm' then 60 when 'h' then 3600 else 1 end / r.number))
                * interval '1 microsecond' end
        from (select case when rate ~ '^[0-9]{1,20}(\.[0-9]{0,40})?(/[smh])?$'
                          then split_part(rate, '/', 1)::numeric end as number,
                     nullif(split_part(rate, '/', 2), '') as period) r);
