-- A new job: queued, from run_at on. No row comes back if its id is taken, so that an enqueue
-- whose acknowledgement was lost can be sent again. The history is asked only about ids that the
-- caller chose: nobody else can know one twice.
--
-- Races with nobody: the row is invisible until the caller commits. Sleeping workers are woken
-- by that commit, if the job is due before they would look by themselves.
insert into pgqueue.jobs_live
    (id, queue, task, priority, max_attempts, run_at, created_at, expires_at, args, kwargs, headers)
select
    %(id)s::uuid, %(queue)s::text, %(task)s::text, %(priority)s::smallint, %(max_attempts)s::integer,
    greatest(coalesce(%(eta)s::timestamptz, t.now + make_interval(secs => %(countdown)s::float8)), t.now),
    t.now,
    coalesce(%(expires)s::timestamptz, t.now + make_interval(secs => %(expires_in)s::float8)),
    %(args)s::jsonb, %(kwargs)s::jsonb, %(headers)s::jsonb
from (select pgqueue.now() as now) t
where not (%(chosen)s::boolean and pgqueue.is_finished(%(id)s::uuid))
on conflict (id) do nothing
returning
    id::text,
    case when %(notify)s::boolean and run_at < created_at + interval '2 s'
         then pgqueue.wake(queue, 'pgqueue.jobs') end
