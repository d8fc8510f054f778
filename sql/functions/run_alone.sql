-- A job's headers with the note that it runs beside no other job in its process. Headers that are no
-- object, which SQL by hand can write, are given up for it.
create or replace function pgqueue.run_alone(headers jsonb) returns jsonb
    language sql immutable parallel safe
    return jsonb_set(case jsonb_typeof(headers) when 'object' then headers else '{}' end,
                     '{pgqueue}', coalesce(headers #> '{pgqueue}', '{}') || '{"alone": true}');
