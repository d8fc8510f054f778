-- Locks those of these jobs that wait for others, and all that wait for any of these, however far
-- down, in order of id: whatever ends them all comes to no deadlock with another that does.
create or replace function pgqueue.lock_waiting(roots uuid[]) returns void
    language plpgsql volatile security definer
    set search_path = pg_catalog, pg_temp
    set enable_seqscan = off
    set enable_hashjoin = off
    set enable_mergejoin = off
    set enable_indexscan = off
    set enable_bitmapscan = on
    set jit = off
    set plan_cache_mode = force_generic_plan
as $$
begin
    perform j.id
    from pgqueue.jobs_live j
    where j.state = 'waiting' and j.id = any (array(
        with recursive reach (id) as (
            select r.id from unnest(roots) as r (id)
            union
            select e.child_id
            from reach r
            join pgqueue.edges e on e.parent_id = r.id
            where e.kind <> 'error'
        )
        select r.id from reach r))
    order by j.id
    for update;
end $$;
