-- Takes away the unique keys of a slice that nobody holds any more; returns how long the slice was, its
-- last key, and how many keys went. See prune_keys.sql.
--
-- Locked first, and then looked at with a new snapshot: who takes a key in between has it locked, and
-- what is locked is left for the next time.
create or replace function pgqueue.prune_keys(
    after text, "limit" integer, out keys integer, out last text, out pruned integer
)
    language plpgsql volatile
as $$
#variable_conflict use_column
declare
    moment  timestamptz := pgqueue.now();
    stale   text[];
begin
    with slice as materialized (
        select k.key, k.job_id, k.expires_at
        from pgqueue.unique_keys k
        where k.key > after
        order by k.key
        limit prune_keys."limit"
    )
    select
        count(*), max(s.key),
        array_agg(s.key) filter (
            where (s.expires_at is null or s.expires_at <= moment)
              and not exists (select from pgqueue.jobs_live j where j.id = s.job_id))
    into keys, last, stale
    from slice s;
    stale := array(
        select k.key from pgqueue.unique_keys k where k.key = any (stale) for update skip locked);
    delete from pgqueue.unique_keys k
    where k.key = any (stale)
      and (k.expires_at is null or k.expires_at <= moment)
      and not exists (select from pgqueue.jobs_live j where j.id = k.job_id);
    get diagnostics pruned = row_count;
end $$;
