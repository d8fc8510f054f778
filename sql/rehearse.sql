-- Reads what `compact` would copy, as it would read it: row by row in the order of the ids, large
-- values included. So what takes long does so here, where nobody waits for it: dead entries that
-- vacuum has not removed yet, and rows that statistics do not know of. Returns how many rows there
-- are, up to a limit, and their bytes.
--
-- Also makes this transaction ready for `compact`. Whoever wants a lock stands behind it while it
-- waits for its own, so that must be short. And it reads by the index only if the planner takes that
-- for cheaper than reading gigabytes of empty pages and sorting what is found; in newer releases
-- enable_seqscan does not count there.
select count(*), coalesce(sum(pg_column_size(r.job)), 0)::bigint,
    set_config('lock_timeout', '50ms', true),
    set_config('seq_page_cost', '1e9', true)
from (
    select j as job
    from pgqueue.jobs_live j
    order by j.id
    limit %(limit)s::integer
) r
