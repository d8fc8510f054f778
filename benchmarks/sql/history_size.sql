-- Bytes of today's history, with its index.
select sum(pg_total_relation_size(c.oid))
from pg_class c
where c.relnamespace = 'pgqueue'::regnamespace and c.relkind = 'r'
    and c.relname like 'jobs\_succeeded\_%'
