select extract(epoch from a.backend_start)::float8 from pg_stat_activity a where a.pid = pg_backend_pid()
