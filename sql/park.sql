-- queued where plain claims look -> queued and parked, for jobs of tasks that are limited: what was
-- enqueued by who does not know of the limit, released by a canvas, run again, or was there when the
-- limit was set. Workers do it, which know their tasks, and claim none of these otherwise.
--
-- In a queue that has a rate, jobs of all other known tasks are parked, too, under a key of the queue's
-- own that has no limits: the name of no task, a colon, and the queue. A task that is limited later
-- takes its jobs out of it.
--
-- Only what is due and near the head of its lane: the rest is not to start yet in any case. So each
-- look reads a bounded number of entries, however many jobs wait.
--
-- Races with claims by workers that do not know of the limit yet: a row is parked or claimed. The row
-- of the arrival is there before this commits, so that this worker finds it in the same transaction.
with task as materialized (
    select t.*, t.task as owner
    from unnest(%(tasks)s::text[], %(concurrencies)s::integer[], %(rate_limits)s::text[],
                %(rate_bursts)s::integer[], %(names)s::text[], %(places)s::integer[])
        as t (task, max_concurrency, rate_limit, rate_burst, name, place)
    union all
    select k.task, null, null, 1, null, null, ''
    from unnest(%(known)s::text[]) as k (task)
    where k.task <> all (%(tasks)s::text[])
), rated as materialized (
    select q.name as queue
    from pgqueue.queues q
    where q.name = any (%(queues)s::text[]) and q.rate_limit is not null
), head as materialized (
    select j.place
    from unnest(%(queues)s::text[]) as l (queue)
    cross join generate_series(9, 0, -1) as p (priority)
    cross join lateral (
        select j.ctid as place, j.task, j.state
        from pgqueue.jobs_live j
        where j.queue = l.queue
          and j.priority = p.priority
          and j.run_at <= (select pgqueue.now())
        order by j.run_at, j.id
        limit %(limit)s::integer
    ) j
    where j.state = 'queued' and j.task = any (%(tasks)s::text[])
      and l.queue <> all (array(select r.queue from rated r))
    union all
    select j.place
    from rated r
    cross join generate_series(9, 0, -1) as p (priority)
    cross join lateral (
        select j.ctid as place
        from pgqueue.jobs_live j
        where j.queue = r.queue
          and j.priority = p.priority
          and j.run_at <= (select pgqueue.now())
          and j.state = 'queued'
          and j.task = any (%(known)s::text[])
        order by j.run_at, j.id
        limit %(limit)s::integer
    ) j
    union all
    select j.place
    from rated r
    cross join lateral (
        select j.ctid as place, j.task, j.state
        from pgqueue.jobs_live j
        where cardinality(%(tasks)s::text[]) > 0
          and j.limit_key = ':' || r.queue
          and j.queue = r.queue
          and j.due_at is not null
        order by j.priority desc, j.due_at, j.id
        limit %(limit)s::integer
    ) j
    where j.state = 'queued' and j.task = any (%(tasks)s::text[])
), free as materialized (
    select j.ctid as place
    from pgqueue.jobs_live j
    where j.ctid = any (array(select h.place from head h))
      and j.state = 'queued'
      and (j.run_at <= pgqueue.now() or j.limit_key = ':' || j.queue)
      and (j.task = any (%(tasks)s::text[]) or j.queue = any (array(select r.queue from rated r)))
    for update skip locked
), parked as (
    update pgqueue.jobs_live j
    set limit_key = case when t.owner = '' then ':' || j.queue
                         else pgqueue.limit_key(j.task, j.args, j.kwargs, j.headers, t.name, t.place) end,
        due_at = coalesce(j.due_at, j.run_at),
        run_at = 'infinity'
    from task t
    where j.ctid = any (array(select f.place from free f)) and t.task = j.task
    returning j.queue, j.limit_key, j.due_at, t.*
), arrived as (
    insert into pgqueue.arrivals
        (queue, limit_key, due_at, said_at, task, max_concurrency, rate_limit, rate_burst)
    select p.queue, p.limit_key, min(p.due_at), pgqueue.now(), p.owner, p.max_concurrency, p.rate_limit,
        p.rate_burst
    from parked p
    group by p.queue, p.limit_key, p.owner, p.max_concurrency, p.rate_limit, p.rate_burst
)
select count(*)::integer from parked
