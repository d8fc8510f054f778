-- Fires schedules: a job for each time that is given, or only a note that there was none, and the
-- schedules advanced to their next time. All of it, or nothing of it: a time is lost by no crash.
--
-- The caller has locked the schedules, see due_schedules.sql. Should two nevertheless be at it, a
-- time is in schedule_fires once: the second waits for the first there, and makes no job.
--
-- A job of a unique task asks for its key, as by enqueue_unique.sql. Where another job holds that, it
-- stands for the time, which has none of its own; so does the first of several times that are made up
-- for. Keys are asked for in their order.
with tick as materialized (
    select
        f.name, f.fire_time, case when f.enqueue then pgqueue.uuid7() end as job_id,
        case when f.enqueue then s.headers #>> array[%(reserved)s::text, 'unique'] end as key
    from unnest(%(fired)s::text[], %(fire_times)s::timestamptz[], %(enqueue)s::boolean[])
        as f (name, fire_time, enqueue)
    join pgqueue.schedules s using (name)
), asked as materialized (
    select k.name, k.fire_time,
        case when k.key is null then k.job_id
             when k.rank = 1 and pgqueue.hold(k.key, k.job_id) = k.job_id then k.job_id end as job_id
    from (
        select t.*, row_number() over (partition by t.key order by t.fire_time, t.name) as rank
        from tick t
        order by t.key
    ) k
), fired as (
    insert into pgqueue.schedule_fires (schedule, fire_time, job_id, fired_at)
    select a.name, a.fire_time, a.job_id, t.now
    from asked a, (select pgqueue.now() as now) t
    order by a.name, a.fire_time
    on conflict (schedule, fire_time) do nothing
    returning schedule, fire_time, job_id, fired_at
), enqueued as (
    insert into pgqueue.jobs_live
        (id, queue, task, priority, max_attempts, run_at, created_at, expires_at, args, kwargs, headers)
    select
        f.job_id, s.queue, s.task, s.priority, s.max_attempts, f.fired_at, f.fired_at,
        f.fired_at + make_interval(secs => s.expires_in), s.args, s.kwargs,
        coalesce(s.headers, '{}') || jsonb_build_object(%(reserved)s::text,
            coalesce(s.headers -> %(reserved)s::text, '{}')
            || jsonb_build_object('schedule', s.name, 'fire_time', f.fire_time))
    from fired f
    join pgqueue.schedules s on s.name = f.schedule
    where f.job_id is not null
    order by f.job_id
    returning queue
), advanced as (
    update pgqueue.schedules s
    set next_run_at = a.next_run_at,
        anchor_at = a.anchor_at,
        waiting_tick = a.waiting_tick,
        last_run_at = coalesce(l.fire_time, s.last_run_at),
        last_job_id = coalesce(l.job_id, s.last_job_id)
    from unnest(%(names)s::text[], %(next_run_ats)s::timestamptz[], %(anchors)s::timestamptz[],
                %(waiting_ticks)s::timestamptz[])
        as a (name, next_run_at, anchor_at, waiting_tick)
    left join lateral (
        select f.fire_time, f.job_id
        from fired f
        where f.schedule = a.name and f.job_id is not null
        order by f.fire_time desc
        limit 1
    ) l on true
    where s.name = a.name
)
select q.jobs, pgqueue.wake(q.queue, 'pgqueue.jobs')
from (select e.queue, count(*) as jobs from enqueued e group by e.queue) q
