-- Which life of which server this is. A restart ends every session, and so do a session's crash,
-- after which PostgreSQL forgets its statistics, and a promotion: what was locked before is free
-- after it, and nobody need have died.
create or replace function pgqueue.incarnation() returns text
    language sql stable
    return extract(epoch from pg_postmaster_start_time()) || ' '
        || coalesce(extract(epoch from pg_stat_get_bgwriter_stat_reset_time()), 0);
