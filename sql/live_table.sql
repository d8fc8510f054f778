-- The state of the hot table, as vacuum sees it, which tables a crash would empty, and whether this
-- role owns it.
select
    coalesce((select o.option_value::boolean
              from pg_options_to_table(c.reloptions) o
              where o.option_name = 'autovacuum_enabled'), true),
    coalesce(pg_stat_get_live_tuples(c.oid), 0),
    coalesce(pg_stat_get_dead_tuples(c.oid), 0),
    extract(epoch from clock_timestamp()
        - greatest(pg_stat_get_last_vacuum_time(c.oid), pg_stat_get_last_autovacuum_time(c.oid)))::float8,
    pg_total_relation_size(c.oid),
    -- Large values are in a file of their own, which says nothing of how the others have grown.
    pg_relation_size(c.oid) + pg_indexes_size(c.oid),
    array(select u.relname::text
          from pg_class u
          where u.relnamespace = c.relnamespace and u.relkind = 'r' and u.relpersistence = 'u'
          order by u.relname),
    -- Who owns a table may rewrite it.
    pg_has_role(c.relowner, 'usage')
from pg_class c
where c.oid = 'pgqueue.jobs_live'::regclass
