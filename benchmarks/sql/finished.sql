-- How many jobs have succeeded, as the statistics count: at most about a second late, and free.
select coalesce(sum(s.n_tup_ins), 0)::bigint
from pg_stat_user_tables s
where s.schemaname = 'pgqueue' and s.relname like 'jobs\_succeeded%'
