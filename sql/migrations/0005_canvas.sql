-- Canvas: jobs that wait for others, and what is to happen when those end.
--
-- Columns that every old row has as null: nothing is rewritten, and a plain job stays as it was.
alter table pgqueue.jobs
    add column parent_id uuid,        -- the job in which, or after which, this one came to be
    add column root_id uuid,          -- the first of its family; null: this one itself
    add column open_parents integer,  -- how many have still to succeed; null: it never waited
    add column linked boolean;        -- whether edges may begin here; null: none do

-- What an end sets off: from the job that ends to the one that waits for it.
--
-- call     the child may run when all its parents have succeeded
-- become   the child, which waits too, does not run then, but has succeeded with their results
-- error    the child is a job that is made of `job` when the parent fails
--
-- place: null: the parent's result is passed to nobody; -1: it comes before the child's args; from 0
-- on: the results of all such parents are one list, in this order. An edge keeps its parent's result
-- from that one's end to the child's release: by then the parent's row may be gone. It goes with its
-- child, and is only touched by who has locked that.
create table pgqueue.edges (
    parent_id  uuid not null,
    child_id   uuid not null,
    kind       text not null check (kind in ('call', 'become', 'error')),
    place      integer,
    result     jsonb,
    done       boolean not null default false,
    job        jsonb,
    primary key (parent_id, child_id, kind)
) with (
    fillfactor = 80,
    autovacuum_vacuum_scale_factor = 0.0,
    autovacuum_vacuum_threshold = 10000,
    autovacuum_vacuum_cost_delay = 0,
    vacuum_truncate = off
);
create index edges_child on pgqueue.edges (child_id);

-- Members of groups that an application wants to find again.
create table pgqueue.groups (
    id          uuid primary key,
    members     uuid[] not null,
    created_at  timestamptz not null
);

-- For the coming days' partitions, which get it when they are attached. Those of days that are over
-- hold no such rows: "only" leaves them alone.
create index jobs_succeeded_root on only pgqueue.jobs_succeeded (root_id) where root_id is not null;
create index jobs_failed_root on only pgqueue.jobs_failed (root_id) where root_id is not null;
create index jobs_cancelled_root on only pgqueue.jobs_cancelled (root_id) where root_id is not null;
