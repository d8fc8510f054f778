-- Lets parked jobs in: queued -> running for as many as their keys' limits and the worker's slots allow.
-- Letting in is claiming, in one transaction, so that nothing is let in that does not run.
--
-- served, known   the worker's queues and tasks
-- wanted          how many jobs it has slots for
-- freed           keys of which it has just ended jobs, in this transaction or before
-- rates           false: as if no key and no queue had a rate
--
-- A key's row is locked while anything is let in under it, and each statement here has a new snapshot:
-- so whoever has the lock sees all that was let in before. What was let in is in its row, by id and
-- claim number. It counts while it runs under that very claim; whatever ends the run frees its place by
-- doing so, be it a finish, a retry, a crash or a rescue, and none of these knows of limits. So a
-- place cannot leak, and a zombie has none: the job that it thinks it runs has another claim, or none.
--
-- A rate is reckoned at the start itself, by the clock of this server: see pgqueue.rate_room().
--
-- A queue's own rate is a gate before all of its lines. Its pace is locked first, so that one worker at a
-- time lets jobs in there, and the others pass the queue over; so do all as long as the rate has no room.
-- Lines in it are asked for as many jobs together as the room is for, those first that come first.
--
-- Lines are served in the order in which they were last served: that is round robin between keys. A
-- line that is full is looked at when its rate allows for more, or after a second: who ends a job
-- of its key looks at once, so that is for runs that were ended otherwise. A line goes when its key has
-- neither jobs that wait here nor any that run, which may come back; the order of these two looks
-- matters, since a job that comes back in between is seen by the second.
--
-- Who waits for whom: arrivals and freed lines are written in order of key, lines before limits, and
-- nothing is locked before them that anybody here waits for. Whatever else is locked is skipped if
-- somebody has it. An arrival that is absorbed here and rolled back is an arrival again.
create or replace function pgqueue.claim_limited(
    claimant_id bigint, served text[], known text[], wanted integer, freed text[], rates boolean
) returns setof pgqueue.jobs_live
    language plpgsql volatile
    set enable_seqscan = off
    set enable_hashjoin = off
    set enable_mergejoin = off
    set enable_bitmapscan = off
    set jit = off
    set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
declare
    news     pgqueue.arrivals[];
    due      pgqueue.lines[];
    keys     pgqueue.limits[];
    moment   timestamptz;
    -- What runs under the keys.
    held_by  text[];
    held     uuid[];
    held_as  integer[];
    -- What may: a line of each key, how many are asked of it, and how many would be let in.
    names    text[];
    places   text[];
    asked    integer[];
    rooms    integer[];
    started  timestamptz[];
    paces    interval[];
    -- The queues that are looked into, and those of them with a rate: how many may start there, and
    -- from when on that is reckoned.
    entered  text[];
    rated    text[];
    gated    text[];
    gaps     integer[];
    opened   timestamptz[];
    strides  interval[];
    -- What was let in.
    ids      uuid[];
    ids_of   text[];
    ids_in   text[];
    numbers  integer[];
begin
    if not exists (
        select from pgqueue.workers w
        where w.id = claimant_id and w.stopped_at is null and w.expires_at > pgqueue.now())
    then
        -- What it has freed is for others.
        wanted := 0;
    end if;
    select array_agg(s.queue), array_agg(s.queue) filter (where not s.rated),
        array_agg(s.queue) filter (where s.rated)
    into served, entered, rated
    from (
        select s.queue, rates and q.rate_limit is not null as rated
        from unnest(served) as s (queue)
        left join pgqueue.queues q on q.name = s.queue
        where q.paused_at is null
    ) s;
    if rated is not null then
        moment := pgqueue.now();
        with own as materialized (
            select p.queue, p.next_start
            from pgqueue.paces p
            where p.queue = any (rated)
            order by p.queue
            for update skip locked
        ), room as materialized (
            -- Who has no slot only wakes others, and for all that it knows of a place.
            select q.name as queue, o.next_start, e.every, r.starts, coalesce(r.room, wanted) as room
            from pgqueue.queues q
            left join own o on o.queue = q.name
            cross join lateral (select pgqueue.rate_interval(q.rate_limit) as every) e
            cross join lateral pgqueue.rate_room(moment, o.next_start, e.every, q.rate_burst) r
            where q.name = any (rated) and (o.queue is not null or wanted < 1)
        ), mended as (
            update pgqueue.paces p
            set next_start = r.starts
            from room r
            where p.queue = r.queue and r.next_start > r.starts
        )
        select array_agg(r.queue), array_agg(r.room), array_agg(r.starts), array_agg(r.every)
        into gated, gaps, opened, strides
        from room r
        where r.room > 0;
        entered := entered || gated;
    end if;

    with absorbed as materialized (
        select n.place
        from unnest(served) as s (queue)
        cross join lateral (
            select a.ctid as place from pgqueue.arrivals a where a.queue = s.queue
            limit 1000
            for update skip locked
        ) n
    ), gone as (
        delete from pgqueue.arrivals a
        where a.ctid = any (array(select s.place from absorbed s))
        returning a as arrival
    )
    select array_agg(g.arrival) into news from gone g;

    if news is not null or cardinality(freed) > 0 then
        moment := pgqueue.now();
        insert into pgqueue.lines as l (limit_key, queue, next_at)
        select n.limit_key, n.queue, min(n.at)
        from (
            select n.limit_key, n.queue, n.due_at as at from unnest(news) n
            union all
            select f.limit_key, f.queue, moment from pgqueue.lines f where f.limit_key = any (freed)
        ) n
        group by n.limit_key, n.queue
        order by n.limit_key, n.queue
        on conflict (limit_key, queue) do update set next_at = least(l.next_at, excluded.next_at);

        insert into pgqueue.limits as k
            (limit_key, task, max_concurrency, rate_limit, rate_burst, said_at)
        select distinct on (n.limit_key)
            n.limit_key, n.task, n.max_concurrency, n.rate_limit, n.rate_burst, n.said_at
        from unnest(news) n
        order by n.limit_key, n.said_at desc
        on conflict (limit_key) do update
        set task = excluded.task, max_concurrency = excluded.max_concurrency,
            rate_limit = excluded.rate_limit, rate_burst = excluded.rate_burst, said_at = excluded.said_at
        where excluded.said_at >= k.said_at;
    end if;

    moment := pgqueue.now();
    with found as materialized (
        select l.line
        from unnest(entered) as s (queue)
        cross join lateral (
            select l as line, l.next_at
            from pgqueue.lines l
            where l.queue = s.queue and l.next_at <= moment
            order by l.next_at
            limit 10 + 2 * wanted
            for update skip locked
        ) l
    )
    select array_agg(f.line order by (f.line).next_at) into due from found f;
    if due is null then
        return;
    end if;
    if wanted < 1 then
        perform pgqueue.wake(q.queue, 'pgqueue.jobs') from (select distinct d.queue from unnest(due) d) q;
        return;
    end if;

    with own as materialized (
        select k
        from pgqueue.limits k
        where k.limit_key = any (array(select d.limit_key from unnest(due) d))
        order by k.limit_key
        for update skip locked
    )
    select array_agg(o.k) into keys from own o;
    if keys is null or cardinality(keys) < cardinality(due) then
        -- A line that outlived its key: its last job was ended twice at the same moment.
        delete from pgqueue.lines l
        using unnest(due) as d (limit_key, queue, next_at)
        where l.limit_key = d.limit_key and l.queue = d.queue
          and not exists (select from pgqueue.limits k where k.limit_key = d.limit_key);
    end if;
    if keys is null then
        return;
    end if;

    -- A statement after the lock: what was let in and committed before is seen.
    select array_agg(h.limit_key), array_agg(h.id), array_agg(h.claim)
    into held_by, held, held_as
    from (
        select k.limit_key, h.id, h.claim
        from unnest(keys) k
        cross join lateral unnest(k.holders, k.claims) as h (id, claim)
        cross join lateral (
            select from pgqueue.jobs_live j
            where j.id = h.id and j.claim = h.claim and j.state = 'running'
            limit 1
        ) r
    ) h;

    moment := pgqueue.now();
    with pace as materialized (
        select
            k.limit_key, k.max_concurrency, k.rate_burst, k.next_start,
            case when rates then pgqueue.rate_interval(
                case when s.rate_limit_at is null then k.rate_limit else s.rate_limit end) end as every,
            (select count(*) from unnest(held_by) as h (limit_key) where h.limit_key = k.limit_key) as held
        from unnest(keys) k
        left join pgqueue.task_settings s on s.task = k.task
    ), room as materialized (
        select p.limit_key, p.every, r.starts,
            least(p.max_concurrency - p.held, r.room, wanted)::integer as room
        from pace p
        cross join lateral pgqueue.rate_room(moment, p.next_start, p.every, p.rate_burst) r
    ), line as materialized (
        -- One line of each key: what may start is not to be counted twice. Of a queue with a rate,
        -- no more lines than jobs may start there, which share that; the others are not open.
        select r.*, d.queue, d.rank, coalesce(g.gap, wanted) as gap,
            r.room > 0 and row_number() over (partition by d.queue order by r.room > 0 desc, d.rank)
                           <= coalesce(g.gap, wanted) as open
        from room r
        cross join lateral (
            select d.queue, d.rank
            from unnest(due) with ordinality as d (limit_key, queue, next_at, rank)
            where d.limit_key = r.limit_key
            order by d.rank
            limit 1
        ) d
        left join unnest(gated, gaps) as g (queue, gap) on g.queue = d.queue
    ), turn as materialized (
        select l.*,
            row_number() over (order by l.open desc, l.rank) as turn,
            count(*) filter (where l.open) over () as lines,
            count(*) filter (where l.open) over (partition by l.queue) as lines_here
        from line l
    )
    select
        array_agg(t.limit_key), array_agg(t.queue), array_agg(t.room), array_agg(t.starts),
        array_agg(t.every),
        array_agg(case when t.open and t.turn <= wanted
                       then least(t.room, greatest(1, wanted / t.lines), greatest(1, t.gap / t.lines_here))
                       else 0 end)
    into names, places, rooms, started, paces, asked
    from turn t;

    with line as materialized (
        select l.* from unnest(names, places, asked) as l (limit_key, queue, asked) where l.asked > 0
    ), ready as materialized (
        select j.place
        from line l
        cross join lateral (
            select j.place
            from generate_series(9, 0, -1) as p (priority)
            cross join lateral (
                select j.ctid as place
                from pgqueue.jobs_live j
                where j.limit_key = l.limit_key
                  and j.queue = l.queue
                  and j.priority = p.priority
                  and j.due_at <= moment
                  and j.state = 'queued'
                  and j.task = any (known)
                order by j.due_at, j.id
                limit l.asked
                for update skip locked
            ) j
            limit l.asked
        ) j
    ), claimant as materialized (
        select w.id
        from pgqueue.workers w
        where w.id = claimant_id and w.stopped_at is null and w.expires_at > pgqueue.now()
          and exists (select from ready)
        for share
    ), claimed as (
        update pgqueue.jobs_live j
        set state = 'running',
            claim = j.claim + 1,
            attempt = j.attempt + 1,
            worker_id = claimant_id,
            started_at = moment
        where j.ctid = any (array(select place from ready)) and exists (select from claimant)
        returning j.id, j.limit_key, j.queue, j.claim
    )
    select array_agg(c.id), array_agg(c.limit_key), array_agg(c.queue), array_agg(c.claim)
    into ids, ids_of, ids_in, numbers
    from claimed c;

    if gated is not null and ids is not null then
        update pgqueue.paces p
        set next_start = greatest(g.starts, moment) + n.new * g.every
        from unnest(gated, opened, strides) as g (queue, starts, every)
        cross join lateral (
            select count(*) as new from unnest(ids_in) as n (queue) where n.queue = g.queue
        ) n
        where p.queue = g.queue and n.new > 0 and g.every is not null;
    end if;

    update pgqueue.limits k
    set holders = h.ids,
        claims = h.claims,
        next_start = case when l.every is null then k.next_start
                          when h.new > 0 then l.starts + h.new * l.every
                          else least(k.next_start, l.starts) end
    from unnest(names, started, paces) as l (limit_key, starts, every)
    cross join lateral (
        select
            coalesce(array_agg(x.id), '{}') as ids, coalesce(array_agg(x.claim), '{}') as claims,
            count(*) filter (where x.is_new) as new
        from (
            select h.id, h.claim, false as is_new
            from unnest(held_by, held, held_as) as h (limit_key, id, claim)
            where h.limit_key = l.limit_key
            union all
            select n.id, n.claim, true
            from unnest(ids_of, ids, numbers) as n (limit_key, id, claim)
            where n.limit_key = l.limit_key
        ) x
    ) h
    where k.limit_key = l.limit_key
      and (k.holders <> h.ids or k.claims <> h.claims or k.next_start > l.starts);

    with line as materialized (
        select
            l.limit_key, l.queue, l.room, l.asked, k.next_start, k.rate_burst, l.every,
            k.max_concurrency <= cardinality(k.holders) as full,
            cardinality(k.holders) > 0 as held,
            (select count(*) from unnest(ids_of) as n (limit_key) where n.limit_key = l.limit_key) as taken
        from unnest(names, places, rooms, asked, paces) as l (limit_key, queue, room, asked, every)
        join pgqueue.limits k on k.limit_key = l.limit_key
        where l.asked > 0 or l.room <= 0
    ), looked as materialized (
        select l.limit_key, l.queue, case
            when l.room <= 0 or l.taken = l.asked then greatest(
                moment,
                case when l.full then moment + interval '1 s' end,
                l.next_start - (l.rate_burst - 1) * l.every)
            else coalesce(
                -- What is due and was not taken is locked, or of a task that others know.
                (select case when min(j.due_at) <= moment then moment + interval '250 ms' else min(j.due_at) end
                 from generate_series(9, 0, -1) as p (priority)
                 cross join lateral (
                    select j.due_at
                    from pgqueue.jobs_live j
                    where j.limit_key = l.limit_key and j.queue = l.queue and j.priority = p.priority
                      and j.due_at is not null and j.state = 'queued'
                    order by j.due_at, j.id
                    limit 1
                 ) j),
                case when l.held then moment + interval '1 s' end,
                case when l.next_start > moment then l.next_start end)
            end as next_at
        from line l
    ), kept as (
        update pgqueue.lines l
        set next_at = o.next_at
        from looked o
        where l.limit_key = o.limit_key and l.queue = o.queue and o.next_at is not null
    )
    delete from pgqueue.lines l
    using looked o
    where l.limit_key = o.limit_key and l.queue = o.queue and o.next_at is null;

    -- Who has no line any more has nothing to count either.
    delete from pgqueue.limits k
    where k.limit_key = any (names)
      and not exists (select from pgqueue.lines l where l.limit_key = k.limit_key);

    -- What this worker has no slot for is for those that sleep.
    perform pgqueue.wake(q.queue, 'pgqueue.jobs')
    from (
        select distinct l.queue
        from unnest(places, asked, rooms) as l (queue, asked, room)
        left join unnest(gated, gaps) as g (queue, gap) on g.queue = l.queue
        where l.room > 0 and l.room > l.asked and coalesce(cardinality(ids), 0) >= wanted
          and (g.gap is null
               or g.gap > (select count(*) from unnest(ids_in) as n (queue) where n.queue = l.queue))
    ) q;

    return query select j.* from pgqueue.jobs_live j where j.id = any (ids);
end $$;
