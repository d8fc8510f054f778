-- A new job under an id that may have been used before: the caller chose it, or sends it again
-- because the answer was lost. No row comes back if the id is taken, by a live job or a finished
-- one; also not if that one finishes at this very moment, see pgqueue.stays(). The same as
-- enqueue.sql otherwise.
with enqueued as (
    insert into pgqueue.jobs_live
        (id, queue, task, priority, max_attempts, run_at, created_at, expires_at, args, kwargs, headers,
         parent_id, root_id)
    select
        %(id)s::uuid, %(queue)s::text, %(task)s::text, %(priority)s::smallint, %(max_attempts)s::integer,
        greatest(coalesce(%(eta)s::timestamptz, t.now + make_interval(secs => %(countdown)s::float8)), t.now),
        t.now,
        coalesce(%(expires)s::timestamptz, t.now + make_interval(secs => %(expires_in)s::float8)),
        %(args)s::jsonb, %(kwargs)s::jsonb, %(headers)s::jsonb,
        %(parent_id)s::uuid, %(root_id)s::uuid
    from (select pgqueue.now() as now) t
    where not pgqueue.is_finished(%(id)s::uuid)
      and case when exists (
              select from pgqueue.queues q where q.name = %(queue)s::text and q.max_depth is not null)
          then exists (select from pgqueue.jobs_live l where l.id = %(id)s::uuid)
              or pgqueue.admit(%(queue)s::text, 1)
          else true end
    on conflict (id) do nothing
    returning id, queue, run_at, created_at
)
select
    e.id::text,
    case when %(notify)s::boolean and e.run_at < e.created_at + interval '2 s'
         then pgqueue.wake(e.queue, 'pgqueue.jobs') end
from enqueued e
where pgqueue.stays(e.id)
