-- queued -> running, for as many due jobs as the worker has use for, best priority first.
--
-- Every lane (a queue at a priority) is scanned in claim order from a cursor on: the place of the
-- last job that this worker claimed there. Before it lie the entries of jobs that are gone, which
-- vacuum cannot remove while any old snapshot is held; a cursor of '-infinity' sweeps them too.
--
-- Races with other claims: skip locked gives each row to one of them. "materialized" makes the
-- lateral scans stop at the limit and never run twice. The update finds its rows by their place
-- in the table, which cannot change while they are locked, and is HOT: it touches no index.
-- A new claim number makes every statement of an earlier claim miss.
--
-- "untouched" passes over rows that bear the mark of another transaction (xmax): by a commit which
-- this statement's snapshot does not show, they are most likely taken. To lock one is to find that
-- out, and to keep the lock to the end, where whoever finishes the job has to wait. A job that bears
-- a mark and is free, because the transaction that locked it came to nothing, waits for a sweep,
-- which passes over nothing. The mark of the transaction that wrote the row itself (xmin) says nothing
-- of the kind: follow() locks who waits before it queues them.
--
-- Queues that are paused are passed over; so are those with a rate, whose jobs claim_limited lets in.
--
-- "times" is null for plain jobs: when a job expires, in seconds from now and as a time, and when it was
-- to run, if that is not when it was made. Who waited for others was to run when they had ended, unless
-- its call said more, or it is tried again.
--
-- A worker whose lease is over gets nothing. Its row is locked against a rescue meanwhile, so that
-- none can declare the worker dead, look for its jobs, and miss those that are being claimed here.
with lanes as materialized (
    select l.queue, l.priority, l.run_at, l.id
    from unnest(%(queues)s::text[], %(priorities)s::smallint[],
                      %(run_ats)s::timestamptz[], %(ids)s::uuid[])
        with ordinality as l (queue, priority, run_at, id, rank)
    where not exists (
        select from pgqueue.queues q
        where q.name = l.queue and (q.paused_at is not null or q.rate_limit is not null))
    order by l.rank
), due as materialized (
    select j.place
    from lanes l
    cross join lateral (
        select j.ctid as place
        from pgqueue.jobs_live j
        where j.queue = l.queue
          and j.priority = l.priority
          and (j.run_at, j.id) >= (l.run_at, l.id)
          and j.run_at <= (select pgqueue.now())
          and j.state = 'queued'
          and j.task = any (%(tasks)s::text[])
          and (not %(untouched)s::boolean or j.xmax = 0 or j.xmax = j.xmin)
        order by j.run_at, j.id
        limit %(limit)s::integer
        for update skip locked
    ) j
    limit %(limit)s::integer
), claimant as materialized (
    select w.id
    from pgqueue.workers w
    where w.id = %(worker_id)s::bigint and w.stopped_at is null and w.expires_at > pgqueue.now()
      and exists (select from due)
    for share
), claimed as (
    update pgqueue.jobs_live j
    set state = 'running',
        claim = j.claim + 1,
        attempt = j.attempt + 1,
        worker_id = %(worker_id)s::bigint,
        started_at = (select pgqueue.now())
    where j.ctid = any (array(select place from due)) and exists (select from claimant)
    returning j.id, j.claim, j.attempt, j.max_attempts, j.queue, j.priority, j.run_at,
        j.expires_at, j.started_at, j.task, j.args, j.kwargs, j.headers,
        j.parent_id, j.root_id, j.linked, j.created_at, j.open_parents
)
select
    c.id::text, c.claim, c.attempt, c.max_attempts,
    case when c.expires_at is not null or c.run_at <> c.created_at then json_build_array(
        (extract(epoch from c.expires_at) - extract(epoch from c.started_at))::float8, c.expires_at,
        case when c.run_at <> c.created_at and (
            c.open_parents is null or c.attempt > 1
            or c.headers #> '{pgqueue,after,eta}' is not null
            or c.headers #> '{pgqueue,after,countdown}' > '0') then c.run_at end)::text end as times,
    c.queue, c.priority, c.run_at::text,
    c.task, c.args::text, c.kwargs::text, c.headers::text, c.parent_id::text, c.root_id::text, c.linked
from claimed c
order by array_position(%(queues)s::text[], c.queue), c.priority desc, c.run_at, c.id
