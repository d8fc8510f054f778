-- Schedules: what is to be enqueued when. The times are computed by the scheduler, a part of every
-- worker, which writes them down here; what it writes no job's path reads.

create table pgqueue.schedules (
    name          text primary key check (name <> ''),
    task          text not null check (task <> ''),
    args          jsonb not null default '[]' check (jsonb_typeof(args) = 'array'),
    kwargs        jsonb not null default '{}' check (jsonb_typeof(kwargs) = 'object'),
    queue         text not null default 'default' check (queue <> ''),
    priority      smallint not null default 0 check (priority between 0 and 9),
    expires_in    float8 check (expires_in > 0),   -- seconds in which a job must have begun
    max_attempts  integer check (max_attempts > 0),    -- null: as the task declares
    headers       jsonb check (jsonb_typeof(headers) = 'object'),
    schedule      text not null,                   -- '*/5 * * * *', 'every 30 seconds', …
    timezone      text not null default 'UTC',
    catch_up      integer not null default 1 check (catch_up between 0 and 1000),
    overlap       text not null default 'allow' check (overlap in ('allow', 'skip', 'queue', 'replace')),
    source        text,                            -- the application that declares it; null: nobody
    declared      jsonb,                           -- what that one has declared
    created_at    timestamptz,
    edited_at     timestamptz,                     -- at run time, since it was declared
    paused_at     timestamptz,
    error         text,                            -- why it is not kept, until it is changed
    next_run_at   timestamptz,                     -- null: the scheduler has not computed it yet
    anchor_at     timestamptz,                     -- where the phase of an interval begins
    last_run_at   timestamptz,                     -- the newest time for which there was a job
    last_job_id   uuid,
    waiting_tick  timestamptz                      -- the time whose job waits for the last one to end
);

-- In the order of their time, first of all those whose time is not known. What is not due is not read.
create index schedules_due on pgqueue.schedules ((coalesce(next_run_at, '-infinity')))
    where paused_at is null and error is null;
create index schedules_waiting on pgqueue.schedules (name) where waiting_tick is not null;

-- Which job came of which time; null: none, because the one before it had not ended. A time is in it
-- once, whoever keeps the schedule. Goes with the history of jobs.
create table pgqueue.schedule_fires (
    schedule   text not null,
    fire_time  timestamptz not null,
    job_id     uuid,
    fired_at   timestamptz not null,
    primary key (schedule, fire_time)
);
create index schedule_fires_age on pgqueue.schedule_fires (fired_at);

-- Which sets of schedules the running releases of an application declare; see declare_schedules.sql.
create table pgqueue.schedule_sources (
    source         text not null,
    fingerprint    text not null,
    first_seen_at  timestamptz not null,
    seen_at        timestamptz not null,
    primary key (source, fingerprint)
);
