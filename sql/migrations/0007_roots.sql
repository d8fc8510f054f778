-- Families are found by their root. An index that plain jobs are not in, and that no claim writes.
--
-- Apart from 0005, because there readers would have to wait, too, while the tables are scanned; here
-- only writers do. Of the history, the partitions that may still get such rows have it: today's, unless
-- it is so large that the scan would take long (then a family is searched in all of it, until its day
-- is over), those of the days ahead, and the default ones.
create index jobs_live_root on pgqueue.jobs_live (root_id) where root_id is not null;
do $$
declare
    leaf   record;
    today  text := to_char(clock_timestamp() at time zone 'utc', 'YYYYMMDD');
begin
    for leaf in
        select c.relname
        from pg_inherits i
        join pg_class c on c.oid = i.inhrelid
        where i.inhparent in ('pgqueue.jobs_succeeded'::regclass, 'pgqueue.jobs_failed'::regclass,
                              'pgqueue.jobs_cancelled'::regclass)
          and (c.relname ~ '_default$' or right(c.relname, 8) >= today)
          and pg_relation_size(c.oid) < 1073741824
    loop
        execute format('create index on pgqueue.%I (root_id) where root_id is not null', leaf.relname);
    end loop;
end $$;
