-- Deletes the finished jobs in one slice of the history that their queues do not keep so long; returns
-- the slice's place, which the next one comes after, and how many went. A place of '' is before the first.
--
-- The history has no index by queue, and needs none for this: a slice is so many pages of one day's
-- table, in the order in which they lie there, so that it takes the same time however long the history
-- is. Nothing else writes old pages; vacuum makes room of them, and the day's table is dropped in its
-- time. Nothing is read as long as no queue has a time of its own.
create or replace function pgqueue.prune_queues(
    after text, page bigint, pages integer, out leaf text, out last bigint, out pruned bigint
)
    language plpgsql volatile
as $$
declare
    moment  timestamptz := pgqueue.now();
    names   text[];
    keeps   interval[];
begin
    leaf := '';
    last := 0;
    pruned := 0;
    select array_agg(q.name), array_agg(q.keep) into names, keeps
    from pgqueue.queues q
    where q.keep is not null;
    if names is null then
        return;
    end if;
    select d.leaf, d.first + prune_queues.pages into leaf, last
    from (
        select
            c.relname::text as leaf,
            case when c.relname = prune_queues.after then prune_queues.page else 0 end as first,
            pg_relation_size(c.oid) / current_setting('block_size')::bigint as size
        from pg_inherits i
        join pg_class c on c.oid = i.inhrelid
        where i.inhparent in ('pgqueue.jobs_succeeded'::regclass, 'pgqueue.jobs_failed'::regclass,
                              'pgqueue.jobs_cancelled'::regclass)
          and c.relname >= prune_queues.after
    ) d
    where d.first < d.size
    order by d.leaf
    limit 1;
    if leaf is null then
        leaf := '';
        last := 0;
        return;
    end if;
    execute format(
        'delete from pgqueue.%I j
         using unnest($1, $2) as k (queue, keep)
         where j.ctid >= $3 and j.ctid < $4 and j.queue = k.queue and j.finished_at < $5 - k.keep', leaf)
        using names, keeps, format('(%s,0)', last - pages)::tid, format('(%s,0)', last)::tid, moment;
    get diagnostics pruned = row_count;
end $$;
