-- The ended jobs in one slice of the edges that nobody has followed, how long the slice is, and the
-- last edge in it. For jobs that a worker of an older release has ended, or that were taken out by
-- hand; also for edges that lead to a job that is gone.
--
-- By slices, in the order of the key, so that a million open edges cost little at a time.
with slice as materialized (
    select e.parent_id, e.child_id, e.done
    from pgqueue.edges e
    where (e.parent_id, e.child_id) > (%(parent_id)s::uuid, %(child_id)s::uuid)
    order by e.parent_id, e.child_id
    limit %(limit)s::integer
), last as (
    select s.parent_id, s.child_id from slice s order by s.parent_id desc, s.child_id desc limit 1
)
select
    array(
        select distinct s.parent_id::text
        from slice s
        where not exists (select from pgqueue.jobs_live p where p.id = s.parent_id)
          and (not s.done or (
              select c.id from pgqueue.jobs_live c
              where c.id = s.child_id and c.state = 'waiting') is null)),
    (select count(*) from slice),
    coalesce((select l.parent_id from last l), %(parent_id)s::uuid),
    coalesce((select l.child_id from last l), %(child_id)s::uuid)
