-- What the sessions of some application names wait for at this moment.
select coalesce(a.wait_event_type || ':' || a.wait_event, 'CPU'), count(*)
from pg_stat_activity a
where a.datname = current_database() and a.application_name like %(applications)s::text
    and a.state = 'active'
group by 1
