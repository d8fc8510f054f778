-- Enqueues the job of a schedule now, beside its times, also if it is paused; returns the job's id, or
-- that of the job which holds its unique key, if it has one; null if there is no schedule of this name.
create or replace function pgqueue.run_schedule(name text) returns uuid
    language plpgsql volatile
as $$
declare
    moment  timestamptz := pgqueue.now();
    plan    pgqueue.schedules;
    job     uuid := pgqueue.uuid7();
    key     text;
    holder  uuid;
begin
    select * into plan from pgqueue.schedules s where s.name = run_schedule.name for update;
    if not found then
        return null;
    end if;
    key := plan.headers #>> '{pgqueue,unique}';
    if key is not null then
        holder := pgqueue.hold(key, job);
        if holder <> job then
            return holder;
        end if;
    end if;
    insert into pgqueue.jobs_live
        (id, queue, task, priority, max_attempts, run_at, created_at, expires_at, args, kwargs, headers)
    values
        (job, plan.queue, plan.task, plan.priority, plan.max_attempts, moment, moment,
         moment + make_interval(secs => plan.expires_in), plan.args, plan.kwargs, plan.headers);
    perform pgqueue.wake(plan.queue, 'pgqueue.jobs');
    insert into pgqueue.schedule_fires (schedule, fire_time, job_id, fired_at)
    values (plan.name, moment, job, moment)
    on conflict (schedule, fire_time) do nothing;
    update pgqueue.schedules s
    set last_run_at = moment, last_job_id = job
    where s.name = run_schedule.name;
    return job;
end $$;
