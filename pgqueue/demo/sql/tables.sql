-- The demo's own tables, in a schema of their own: `drop schema pgqueue_demo cascade` removes them.
create schema if not exists pgqueue_demo;

create table if not exists pgqueue_demo.runs (
    id          bigint generated always as identity primary key,
    folder      text not null,
    started_at  timestamptz not null default clock_timestamp()
);

-- One row per file of a run, written in the transaction that enqueues the file's job.
create table if not exists pgqueue_demo.files (
    id      bigint generated always as identity primary key,
    run_id  bigint not null references pgqueue_demo.runs,
    path    text not null,
    bytes   bigint not null
);

-- One row per analysed file, written in the transaction that finishes its job. Nothing here forbids
-- a second row for the same file: that there is none is for proofs.sql to find out.
create table if not exists pgqueue_demo.analyses (
    id         bigint generated always as identity primary key,
    file_id    bigint not null,
    job_id     uuid not null,
    sha256     text not null,
    lines      integer not null,
    functions  integer not null,
    classes    integer not null,
    imports    text[] not null,
    seconds    float8 not null
);

-- The files whose transaction was rolled back on purpose: no row and no job of theirs may exist.
create table if not exists pgqueue_demo.rolled_back (
    run_id  bigint not null references pgqueue_demo.runs,
    path    text not null,
    job_id  uuid not null
);
