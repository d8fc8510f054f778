-- The tables of pgqueue. Read sql/README.md first: it draws the states and says why the tables
-- are cut as they are.

-- Not "if not exists", which asks for the right to create schemas even where this one is there.
do $$
begin
    if to_regnamespace('pgqueue') is null then
        create schema pgqueue;
    end if;
end $$;

-- Which files of sql/ this schema has: the numbered ones once, the functions at their newest text.
create table pgqueue.schema_files (
    path        text primary key,
    sha256      text not null,
    applied_at  timestamptz not null default clock_timestamp()
);

create type pgqueue.job_state as enum
    ('waiting', 'queued', 'running', 'succeeded', 'failed', 'cancelled');

-- One logical table. Its partitions follow the state, so that the part that claims read and
-- write stays small however long the history is.
create table pgqueue.jobs (
    id                   uuid not null,
    state                pgqueue.job_state not null,
    queue                text not null,
    task                 text not null,
    priority             smallint not null,
    attempt              integer not null,       -- of the newest run, 1 for the first; 0: not yet run
    max_attempts         integer,                -- null: as the task declares
    crashes              smallint not null,      -- runs whose process died; not counted as attempts
    claim                integer not null,       -- the fence: one higher with every claim
    worker_id            bigint,                 -- of the newest claim
    run_at               timestamptz not null,   -- 'infinity' while waiting for parents
    created_at           timestamptz not null,
    started_at           timestamptz,
    finished_at          timestamptz,
    expires_at           timestamptz,
    cancel_requested_at  timestamptz,
    args                 jsonb not null,
    kwargs               jsonb not null,
    headers              jsonb,
    result               jsonb,
    error                text,                   -- of the last attempt, if that failed
    traceback            text,
    past_errors          jsonb                   -- of the attempts before it, see pgqueue.attempts()
) partition by list (state);

comment on table pgqueue.jobs is
    'Every job, whatever its state: jobs_live holds waiting, queued and running ones, finished ones are in a partition per outcome and day of finished_at';

-- The hot part. Neither index mentions a column that a claim changes, not even in a predicate,
-- so that claiming is a HOT update: it writes no index, and needs no vacuum to be cleaned up.
-- The fill factor leaves every page the room for that second version of its rows.
create table pgqueue.jobs_live partition of pgqueue.jobs
    for values in ('waiting', 'queued', 'running')
    with (
        fillfactor = 45,
        autovacuum_vacuum_scale_factor = 0.0,
        autovacuum_vacuum_threshold = 10000,
        autovacuum_vacuum_insert_threshold = -1,
        autovacuum_analyze_scale_factor = 0.0,
        autovacuum_analyze_threshold = 100000,
        autovacuum_vacuum_cost_delay = 0,
        vacuum_truncate = off
    );

-- The index of ids is made last. Where statistics say that the table is empty, a lookup by id costs
-- the same by either index, and of two that cost the same the planner takes the newer.
create index jobs_live_claim on pgqueue.jobs_live (queue, priority, run_at, id);
create unique index jobs_live_id on pgqueue.jobs_live (id);
alter table pgqueue.jobs_live
    alter column state        set default 'queued',
    alter column queue        set default 'default',
    alter column priority     set default 0,
    alter column attempt      set default 0,
    alter column crashes      set default 0,
    alter column claim        set default 0,
    alter column args         set default '[]',
    alter column kwargs       set default '{}',
    add constraint priority_is_0_to_9 check (priority between 0 and 9);

-- The history: inserted once, read by id, dropped by the day. The default partitions catch what
-- finishes on a day whose partition nobody made in time.
create table pgqueue.jobs_succeeded partition of pgqueue.jobs
    for values in ('succeeded') partition by range (finished_at);
create table pgqueue.jobs_failed partition of pgqueue.jobs
    for values in ('failed') partition by range (finished_at);
create table pgqueue.jobs_cancelled partition of pgqueue.jobs
    for values in ('cancelled') partition by range (finished_at);
create index jobs_succeeded_id on pgqueue.jobs_succeeded (id);
create index jobs_failed_id on pgqueue.jobs_failed (id);
create index jobs_cancelled_id on pgqueue.jobs_cancelled (id);
create table pgqueue.jobs_succeeded_default partition of pgqueue.jobs_succeeded default;
create table pgqueue.jobs_failed_default partition of pgqueue.jobs_failed default;
create table pgqueue.jobs_cancelled_default partition of pgqueue.jobs_cancelled default;

-- How long finished jobs are kept. Change it with a plain update.
create table pgqueue.retention (
    state  pgqueue.job_state primary key check (state in ('succeeded', 'failed', 'cancelled')),
    keep   interval not null check (keep >= interval '0')
);
insert into pgqueue.retention (state, keep) values
    ('succeeded', interval '1 day'),
    ('failed',    interval '14 days'),
    ('cancelled', interval '14 days');

-- One row per worker process. expires_at is its lease: past it, its jobs run elsewhere.
create table pgqueue.workers (
    id            bigint generated always as identity primary key,
    name          text not null,
    hostname      text not null,
    pid           integer not null,
    version       text not null,
    queues        text[] not null,
    tasks         text[] not null,
    processes     smallint not null,
    concurrency   integer not null,
    started_at    timestamptz not null,
    heartbeat_at  timestamptz not null,
    expires_at    timestamptz not null,
    stopped_at    timestamptz,
    stats         jsonb not null,
    active        jsonb not null
) with (fillfactor = 50);

-- What has been said about a queue. A queue needs no row to be used.
create table pgqueue.queues (
    name       text primary key,
    paused_at  timestamptz
);
