-- queued where plain claims look -> queued and parked, for jobs of tasks that are limited: what was
-- enqueued by who does not know of the limit, released by a canvas, run again, or was there when the
-- limit was set. Workers do it, which know their tasks, and claim none of these otherwise.
--
-- Only what is due and near the head of its lane: the rest is not to start yet in any case. So each
-- look reads a bounded number of entries, however many jobs wait.
--
-- Races with claims by workers that do not know of the limit yet: a row is parked or claimed. The row
-- of the arrival is there before this commits, so that this worker finds it in the same transaction.
with task as materialized (
    select *
    from unnest(%(tasks)s::text[], %(concurrencies)s::integer[], %(rate_limits)s::text[],
                %(rate_bursts)s::integer[], %(names)s::text[], %(places)s::integer[])
        as t (task, max_concurrency, rate_limit, rate_burst, name, place)
), head as materialized (
    select j.place, j.task
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
    where j.state = 'queued' and j.task = any (array(select t.task from task t))
), free as materialized (
    select j.ctid as place
    from pgqueue.jobs_live j
    where j.ctid = any (array(select h.place from head h))
      and j.state = 'queued' and j.run_at <= pgqueue.now()
      and j.task = any (array(select t.task from task t))
    for update skip locked
), parked as (
    update pgqueue.jobs_live j
    set limit_key = pgqueue.limit_key(j.task, j.args, j.kwargs, j.headers, t.name, t.place),
        due_at = j.run_at,
        run_at = 'infinity'
    from task t
    where j.ctid = any (array(select f.place from free f)) and t.task = j.task
    returning j.queue, j.limit_key, j.due_at, t.*
), arrived as (
    insert into pgqueue.arrivals
        (queue, limit_key, due_at, said_at, task, max_concurrency, rate_limit, rate_burst)
    select p.queue, p.limit_key, min(p.due_at), pgqueue.now(), p.task, p.max_concurrency, p.rate_limit,
        p.rate_burst
    from parked p
    group by p.queue, p.limit_key, p.task, p.max_concurrency, p.rate_limit, p.rate_burst
)
select count(*)::integer from parked
