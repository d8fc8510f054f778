-- The sessions of some application names that have come since a time, other than this one.
select count(*)
from pg_stat_activity a
where a.datname = current_database() and a.application_name like %(applications)s::text
    and a.backend_start >= to_timestamp(%(since)s::float8) and a.pid <> pg_backend_pid()
