-- How many more connections the server takes from ordinary users, as far as its counts tell. A worker
-- asks before it connects to be woken: that is a luxury, and others may not be able to work at all.
select current_setting('max_connections')::integer
    - current_setting('superuser_reserved_connections')::integer
    - coalesce(current_setting('reserved_connections', true)::integer, 0)
    - coalesce(sum(d.numbackends), 0)::integer
from pg_stat_database d
