-- Has what this session has counted written down with the end of this statement (PostgreSQL 15 on).
select pg_stat_force_next_flush()
