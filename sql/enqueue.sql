-- A new job: queued, from run_at on. Its id has just been made by the client, so that nobody else
-- can have it; looking whether it is taken would cost more, see enqueue_chosen.sql.
--
-- Races with nobody: the row is invisible until the caller commits. Sleeping workers are woken
-- by that commit, if the job is due before they would look by themselves.
--
-- Refused if the queue has a limit and is full, see pgqueue.admit(); the others cost a look.
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
where case when exists (
          select from pgqueue.queues q where q.name = %(queue)s::text and q.max_depth is not null)
      then pgqueue.admit(%(queue)s::text, 1) else true end
returning
    case when %(notify)s::boolean and run_at < created_at + interval '2 s'
         then pgqueue.wake(queue, 'pgqueue.jobs') end
