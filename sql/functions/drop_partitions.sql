-- Drops the days of history that are older than pgqueue.retention says; returns their names.
-- Rows that strayed into a default partition are deleted when their time has come.
--
-- Dropping locks the outcome's parent for an instant: call it with a short lock_timeout and again
-- later. "if exists", because another caller may have been here first.
create or replace function pgqueue.drop_partitions() returns setof text
    language plpgsql volatile
as $$
declare
    kept  record;
    leaf  record;
begin
    for kept in
        select r.state, (pgqueue.now() - r.keep) as since from pgqueue.retention r
    loop
        for leaf in
            select c.relname,
                   to_date(right(c.relname, 8), 'YYYYMMDD') + 1 as ends
            from pg_inherits i
            join pg_class c on c.oid = i.inhrelid
            where i.inhparent = format('pgqueue.jobs_%s', kept.state)::regclass
              and c.relname ~ '_[0-9]{8}$'
        loop
            if leaf.ends::timestamp at time zone 'utc' <= kept.since then
                execute format('drop table if exists pgqueue.%I', leaf.relname);
                return next leaf.relname;
            end if;
        end loop;
        execute format('delete from pgqueue.%I where finished_at < $1',
            'jobs_' || kept.state || '_default') using kept.since;
    end loop;
end $$;
