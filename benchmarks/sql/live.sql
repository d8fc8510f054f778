-- How the table of live jobs is: dead rows as estimated, HOT updates, bytes of table and indexes.
select
    s.n_live_tup, s.n_dead_tup, s.n_tup_upd, s.n_tup_hot_upd,
    pg_relation_size('pgqueue.jobs_live'), pg_indexes_size('pgqueue.jobs_live'),
    s.autovacuum_count
from pg_stat_user_tables s
where s.schemaname = 'pgqueue' and s.relname = 'jobs_live'
