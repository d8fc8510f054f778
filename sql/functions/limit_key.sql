-- Under which key a job's limits count: its task, and what its limit_key option or the argument says
-- by which they are told apart (name: by name, place: by position). A tagged value counts as what is
-- tagged, a long one as its hash.
create or replace function pgqueue.limit_key(
    task text, args jsonb, kwargs jsonb, headers jsonb, name text, place integer
) returns text
    language sql immutable parallel safe
    return (
        select task || coalesce(
            ':' || case when octet_length(v.value) > 200 then md5(v.value) else v.value end, '')
        from (
            select coalesce(headers #>> '{pgqueue,limit_key}', (
                select case when jsonb_typeof(a.value) <> 'object' then a.value #>> '{}'
                            else coalesce((select min(t.value) from jsonb_each_text(a.value) t
                                           having min(t.key) ^@ '$' and count(*) = 1),
                                          a.value::text) end
                from (select coalesce(kwargs -> name, args -> place) as value) a)) as value
        ) v);
