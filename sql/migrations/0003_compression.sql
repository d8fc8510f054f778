-- What tasks are given and leave behind is compressed by lz4, from about 2 kB on: a claim and finish
-- of 10 kB cost the server half of what they cost by PostgreSQL's default, pglz. Each table is told
-- by itself, since that does not pass on to partitions; later ones take it over when they are made.
-- A server that was built without lz4 stays with its default.
do $$
declare
    part regclass;
begin
    for part in select relid from pg_partition_tree('pgqueue.jobs') loop
        execute format('alter table %s
            alter column args set compression lz4,
            alter column kwargs set compression lz4,
            alter column headers set compression lz4,
            alter column result set compression lz4,
            alter column error set compression lz4,
            alter column traceback set compression lz4,
            alter column past_errors set compression lz4', part);
    end loop;
exception
    when feature_not_supported then null;
end $$;
