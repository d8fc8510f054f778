-- How many other measurements are under way in this database.
select count(*)
from pg_stat_activity a
where a.datname = current_database() and a.application_name = %(application)s::text
    and a.pid <> pg_backend_pid()
