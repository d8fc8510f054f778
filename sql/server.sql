-- What the server is, and how it is set. The backends are counted where every role may see them.
select
    current_setting('server_version'),
    current_setting('server_version_num')::integer,
    current_database()::text,
    current_user::text,
    pg_is_in_recovery(),
    current_setting('transaction_read_only')::boolean,
    current_setting('fsync')::boolean,
    current_setting('full_page_writes')::boolean,
    current_setting('synchronous_commit'),
    current_setting('autovacuum')::boolean and current_setting('track_counts')::boolean,
    current_setting('max_connections')::integer
        - current_setting('superuser_reserved_connections')::integer,
    (select sum(d.numbackends)::integer from pg_stat_database d),
    current_setting('max_prepared_transactions')::integer,
    pg_has_role(current_user, 'pg_read_all_stats', 'usage')
