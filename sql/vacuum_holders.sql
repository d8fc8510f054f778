-- Who keeps vacuum from removing dead rows, the longest first: open transactions, prepared ones,
-- and replication slots. Vacuum itself is no hindrance. A role that may not see others' sessions
-- sees only its own here.
select h.kind, h.name, h.seconds, h.xids, h.detail
from (
    select 'transaction' as kind, a.pid::text as name,
        extract(epoch from clock_timestamp() - a.xact_start)::float8 as seconds,
        greatest(age(a.backend_xid), age(a.backend_xmin)) as xids,
        concat_ws(', ', a.usename, nullif(a.application_name, ''), a.state, left(a.query, 200)) as detail
    from pg_stat_activity a
    where (a.datname = current_database() or a.datname is null)
      and (a.backend_xid is not null or a.backend_xmin is not null)
      and a.pid <> pg_backend_pid()
      and a.backend_type <> 'autovacuum worker'
    union all
    select 'prepared transaction', x.gid, extract(epoch from clock_timestamp() - x.prepared)::float8,
        age(x.transaction), x.owner::text
    from pg_prepared_xacts x
    where x.database = current_database()
    union all
    select 'replication slot', s.slot_name::text, null, age(s.xmin),
        case when s.active then 'in use' else 'nobody reads it' end
    from pg_replication_slots s
    where s.xmin is not null
) h
order by h.xids desc nulls last, h.seconds desc nulls last
limit 20
