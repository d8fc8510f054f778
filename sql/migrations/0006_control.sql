-- What operators ask of workers, and what they say of tasks; nothing here is read per job.

-- A row per worker that is asked: what, until when, and what it answered. Read by id of the worker
-- only, and only while there is something: see sql/heartbeat.sql.
create table pgqueue.commands (
    id           bigint generated always as identity primary key,
    broadcast    uuid not null,           -- what was sent together has one
    worker_id    bigint not null,
    command      text not null,
    arguments    jsonb not null,
    sent_at      timestamptz not null,
    expires_at   timestamptz not null,
    answered_at  timestamptz,
    reply        jsonb
);
create index commands_open on pgqueue.commands (worker_id) where answered_at is null;
create index commands_broadcast on pgqueue.commands (broadcast);

-- What was said about a task while everything runs; it outlives workers, and counts for all of them.
-- A null in limits_at: nothing was said of limits, and what the task declares is in force.
create table pgqueue.task_settings (
    task             text primary key,
    rate_limit       text,
    rate_limit_at    timestamptz,
    time_limit       float8 check (time_limit > 0),
    soft_time_limit  float8 check (soft_time_limit > 0),
    limits_at        timestamptz,
    check (soft_time_limit <= time_limit)
);
