-- What the server counts: bytes of WAL, commits in this database and in the others, where the last
-- checkpoint began.
select
    pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint,
    (select d.xact_commit from pg_stat_database d where d.datname = current_database()),
    (select coalesce(sum(d.xact_commit), 0)::bigint
     from pg_stat_database d where d.datname <> current_database()),
    (select c.redo_lsn::text from pg_control_checkpoint() c)
