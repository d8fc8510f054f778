-- About how many finished jobs are kept, by the statistics of their partitions: for whoever has
-- no time to count them.
select o.state, sum(greatest(c.reltuples, 0))::bigint
from (values ('succeeded'), ('failed'), ('cancelled')) as o (state)
cross join lateral pg_partition_tree(to_regclass('pgqueue.jobs_' || o.state)) p
join pg_class c on c.oid = p.relid
where p.isleaf
group by o.state
