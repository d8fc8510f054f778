-- The schema that sql/migrations/ and sql/functions/ come to, for reading: as PostgreSQL 18 dumps
-- it, without the days of history and without comments. Generated, never executed:
--     pytest --server pg18 --update-schema tests/sql/test_migrations.py

CREATE SCHEMA pgqueue;

CREATE TYPE pgqueue.job_state AS ENUM (
    'waiting',
    'queued',
    'running',
    'succeeded',
    'failed',
    'cancelled'
);

CREATE FUNCTION pgqueue.add_error(past jsonb, attempt integer, claim integer, worker_id bigint, started_at timestamp with time zone, failed_at timestamp with time zone, error text, traceback text) RETURNS jsonb
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (CASE WHEN (past IS NULL) THEN '[]'::jsonb WHEN (jsonb_array_length(past) >= 100) THEN (past - 0) ELSE past END || jsonb_build_object('attempt', attempt, 'claim', claim, 'worker_id', worker_id, 'started_at', started_at, 'failed_at', failed_at, 'error', error, 'traceback', traceback));

CREATE FUNCTION pgqueue.add_schedule(name text, task text, schedule text, payload jsonb DEFAULT '{}'::jsonb, queue text DEFAULT 'default'::text, priority integer DEFAULT 0, expires interval DEFAULT NULL::interval, headers jsonb DEFAULT NULL::jsonb, max_retries integer DEFAULT NULL::integer, timezone text DEFAULT 'UTC'::text, catch_up integer DEFAULT 1, overlap text DEFAULT 'allow'::text) RETURNS void
    LANGUAGE plpgsql
    AS $$
#variable_conflict use_column
declare
    stranger  text;
begin
    if payload is null or jsonb_typeof(payload) <> 'object' then
        raise exception 'pgqueue.add_schedule: payload must be an object such as {"args": [1], "kwargs": {"b": 2}}, not %',
            coalesce(jsonb_typeof(payload), 'null') using errcode = '22023';
    end if;
    select k into stranger from jsonb_object_keys(payload) k where k not in ('args', 'kwargs') limit 1;
    if stranger is not null then
        raise exception 'pgqueue.add_schedule: payload has a key %, but only "args" and "kwargs" mean something',
            to_json(stranger) using errcode = '22023',
            hint = 'options such as queue and priority are arguments: queue => ''billing''';
    end if;
    insert into pgqueue.schedules
        (name, task, args, kwargs, queue, priority, expires_in, max_attempts, headers, schedule, timezone,
         catch_up, overlap, created_at)
    values
        (add_schedule.name, task, coalesce(payload -> 'args', '[]'), coalesce(payload -> 'kwargs', '{}'),
         queue, priority, extract(epoch from expires), max_retries + 1, headers, schedule, timezone,
         catch_up, overlap, pgqueue.now());
    perform pg_notify('pgqueue.control', '');
end $$;

CREATE FUNCTION pgqueue.admit(queue text, jobs bigint) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    AS $$
#variable_conflict use_column
declare
    most  integer := (select q.max_depth from pgqueue.queues q where q.name = admit.queue);
begin
    if most is null or (
        select count(*)
        from (
            select
            from pgqueue.jobs_live j
            where j.queue = admit.queue and j.state = 'queued'
            limit greatest(most - jobs + 1, 0)
        ) w
    ) + jobs <= most then
        return true;
    end if;
    raise exception 'queue % is full: at most % jobs may wait in it; nothing was enqueued',
        to_json(admit.queue), most
        using errcode = 'PGQ01', hint = 'pgqueue.limit_queue() sets the limit';
end $$;

CREATE TABLE pgqueue.jobs (
    id uuid NOT NULL,
    state pgqueue.job_state NOT NULL,
    queue text NOT NULL,
    task text NOT NULL,
    priority smallint NOT NULL,
    attempt integer NOT NULL,
    max_attempts integer,
    crashes smallint NOT NULL,
    claim integer NOT NULL,
    worker_id bigint,
    run_at timestamp with time zone NOT NULL,
    created_at timestamp with time zone NOT NULL,
    started_at timestamp with time zone,
    finished_at timestamp with time zone,
    expires_at timestamp with time zone,
    cancel_requested_at timestamp with time zone,
    args jsonb NOT NULL,
    kwargs jsonb NOT NULL,
    headers jsonb,
    result jsonb,
    error text,
    traceback text,
    past_errors jsonb,
    parent_id uuid,
    root_id uuid,
    open_parents integer,
    linked boolean,
    limit_key text,
    due_at timestamp with time zone
)
PARTITION BY LIST (state);

COMMENT ON TABLE pgqueue.jobs IS 'Every job, whatever its state: jobs_live holds waiting, queued and running ones, finished ones are in a partition per outcome and day of finished_at';

CREATE FUNCTION pgqueue.attempts(job_id uuid) RETURNS TABLE(attempt integer, claim integer, worker_id bigint, started_at timestamp with time zone, failed_at timestamp with time zone, error text, traceback text)
    LANGUAGE sql STABLE
    BEGIN ATOMIC
 SELECT e.attempt,
     e.claim,
     e.worker_id,
     e.started_at,
     e.failed_at,
     e.error,
     e.traceback
    FROM (pgqueue.jobs j
      CROSS JOIN LATERAL jsonb_to_recordset(
         CASE
             WHEN (j.state = 'failed'::pgqueue.job_state) THEN pgqueue.add_error(j.past_errors, j.attempt, j.claim, j.worker_id, j.started_at, j.finished_at, j.error, j.traceback)
             ELSE j.past_errors
         END) e(attempt integer, claim integer, worker_id bigint, started_at timestamp with time zone, failed_at timestamp with time zone, error text, traceback text))
   WHERE (j.id = attempts.job_id)
   ORDER BY e.claim;
END;

CREATE FUNCTION pgqueue.cancel(ids uuid[]) RETURNS TABLE(id uuid, state pgqueue.job_state)
    LANGUAGE plpgsql
    AS $$
#variable_conflict use_column
declare
    ended   bigint;
    family  boolean;
    tied    uuid[];
    since   timestamptz;
    running bigint;
begin
    select bool_or(f.linked) into family
    from (
        select j.linked
        from pgqueue.jobs_live j
        where j.id = any (ids) and j.state <> 'waiting'
        order by j.id
        for update
    ) f;
    if family or exists (select from pgqueue.jobs_live j where j.id = any (ids) and j.state = 'waiting') then
        perform pgqueue.lock_waiting(ids);
    end if;
    with found as materialized (
        select j.id, j.state
        from pgqueue.jobs_live j
        where j.id = any (ids)
        order by j.id
        for update
    ), marked as (
        update pgqueue.jobs_live j
        set cancel_requested_at = coalesce(j.cancel_requested_at, pgqueue.now())
        from found f
        where j.id = f.id and f.state = 'running'
        returning j.id
    ), gone as (
        delete from pgqueue.jobs_live j
        using found f
        where j.id = f.id and f.state <> 'running'
        returning j.*
    ), cancelled as (
        insert into pgqueue.jobs
            (id, state, queue, task, priority, attempt, max_attempts, crashes, claim, worker_id,
             run_at, created_at, started_at, finished_at, expires_at, cancel_requested_at, args,
             kwargs, headers, error, past_errors, parent_id, root_id, open_parents, linked)
        select
            g.id, 'cancelled', g.queue, g.task, g.priority, g.attempt, g.max_attempts, g.crashes,
            g.claim, g.worker_id, coalesce(g.due_at, g.run_at), g.created_at, g.started_at, t.now, g.expires_at,
            coalesce(g.cancel_requested_at, t.now), g.args, g.kwargs, g.headers, 'cancelled',
            g.past_errors, g.parent_id, g.root_id, g.open_parents, g.linked
        from gone g, (select pgqueue.now() as now) t
        returning id, finished_at, linked or open_parents > 0 as tied
    )
    select
        (select count(*) from cancelled),
        (select array_agg(c.id) filter (where c.tied) from cancelled c),
        (select min(c.finished_at) from cancelled c),
        (select count(*) from marked)
    into ended, tied, since, running;
    if running > 0 then
        perform pgqueue.interrupt(ids, null);
    end if;
    if ended > 0 then
        perform pgqueue.wake('', 'pgqueue.results');
    end if;
    if tied is not null then
        perform pgqueue.follow(tied, since);
    end if;
    return query
    select j.id, j.state from pgqueue.jobs j where j.id = any (ids);
end $$;

CREATE FUNCTION pgqueue.cancel(id uuid) RETURNS pgqueue.job_state
    LANGUAGE sql
    BEGIN ATOMIC
 SELECT c.state
    FROM pgqueue.cancel(ARRAY[cancel.id]) c(id, state);
END;

CREATE TABLE pgqueue.jobs_live (
    id uuid CONSTRAINT jobs_id_not_null NOT NULL,
    state pgqueue.job_state DEFAULT 'queued'::pgqueue.job_state CONSTRAINT jobs_state_not_null NOT NULL,
    queue text DEFAULT 'default'::text CONSTRAINT jobs_queue_not_null NOT NULL,
    task text CONSTRAINT jobs_task_not_null NOT NULL,
    priority smallint DEFAULT 0 CONSTRAINT jobs_priority_not_null NOT NULL,
    attempt integer DEFAULT 0 CONSTRAINT jobs_attempt_not_null NOT NULL,
    max_attempts integer,
    crashes smallint DEFAULT 0 CONSTRAINT jobs_crashes_not_null NOT NULL,
    claim integer DEFAULT 0 CONSTRAINT jobs_claim_not_null NOT NULL,
    worker_id bigint,
    run_at timestamp with time zone CONSTRAINT jobs_run_at_not_null NOT NULL,
    created_at timestamp with time zone CONSTRAINT jobs_created_at_not_null NOT NULL,
    started_at timestamp with time zone,
    finished_at timestamp with time zone,
    expires_at timestamp with time zone,
    cancel_requested_at timestamp with time zone,
    args jsonb DEFAULT '[]'::jsonb CONSTRAINT jobs_args_not_null NOT NULL,
    kwargs jsonb DEFAULT '{}'::jsonb CONSTRAINT jobs_kwargs_not_null NOT NULL,
    headers jsonb,
    result jsonb,
    error text,
    traceback text,
    past_errors jsonb,
    parent_id uuid,
    root_id uuid,
    open_parents integer,
    linked boolean,
    limit_key text,
    due_at timestamp with time zone,
    CONSTRAINT priority_is_0_to_9 CHECK (((priority >= 0) AND (priority <= 9)))
)
WITH (fillfactor='45', autovacuum_vacuum_scale_factor='0.0', autovacuum_vacuum_threshold='10000', autovacuum_vacuum_insert_threshold='-1', autovacuum_analyze_scale_factor='0.0', autovacuum_analyze_threshold='100000', autovacuum_vacuum_cost_delay='0', vacuum_truncate=off);

CREATE FUNCTION pgqueue.claim_limited(claimant_id bigint, served text[], known text[], wanted integer, freed text[], rates boolean) RETURNS SETOF pgqueue.jobs_live
    LANGUAGE plpgsql
    SET enable_seqscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    SET enable_bitmapscan TO 'off'
    SET jit TO 'off'
    SET plan_cache_mode TO 'force_generic_plan'
    AS $$
#variable_conflict use_column
declare
    news     pgqueue.arrivals[];
    due      pgqueue.lines[];
    keys     pgqueue.limits[];
    moment   timestamptz;
    held_by  text[];
    held     uuid[];
    held_as  integer[];
    names    text[];
    places   text[];
    asked    integer[];
    rooms    integer[];
    started  timestamptz[];
    paces    interval[];
    entered  text[];
    rated    text[];
    gated    text[];
    gaps     integer[];
    opened   timestamptz[];
    strides  interval[];
    ids      uuid[];
    ids_of   text[];
    ids_in   text[];
    numbers  integer[];
begin
    if not exists (
        select from pgqueue.workers w
        where w.id = claimant_id and w.stopped_at is null and w.expires_at > pgqueue.now())
    then
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
        delete from pgqueue.lines l
        using unnest(due) as d (limit_key, queue, next_at)
        where l.limit_key = d.limit_key and l.queue = d.queue
          and not exists (select from pgqueue.limits k where k.limit_key = d.limit_key);
    end if;
    if keys is null then
        return;
    end if;

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

    delete from pgqueue.limits k
    where k.limit_key = any (names)
      and not exists (select from pgqueue.lines l where l.limit_key = k.limit_key);

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

CREATE FUNCTION pgqueue.create_partitions(days_ahead integer DEFAULT 3) RETURNS integer
    LANGUAGE plpgsql
    AS $_$
declare
    made     integer := 0;
    today    date := (pgqueue.now() at time zone 'utc')::date;
    outcome  text;
    day      date;
    leaf     text;
    low      timestamptz;
    high     timestamptz;
    strays   boolean;
begin
    perform pg_advisory_xact_lock(hashtextextended('pgqueue.create_partitions', 0));
    foreach outcome in array array['succeeded', 'failed', 'cancelled'] loop
        for day in select today + n from generate_series(0, days_ahead) n loop
            leaf := format('jobs_%s_%s', outcome, to_char(day, 'YYYYMMDD'));
            low := day::timestamp at time zone 'utc';
            high := (day + 1)::timestamp at time zone 'utc';
            continue when to_regclass(format('pgqueue.%I', leaf)) is not null;
            execute format(
                'select exists (select from pgqueue.%I where finished_at >= $1 and finished_at < $2)',
                'jobs_' || outcome || '_default')
                into strays using low, high;
            continue when strays;
            execute format('create table pgqueue.%I (like pgqueue.%I including defaults including compression)',
                leaf, 'jobs_' || outcome);
            execute format('alter table pgqueue.%I attach partition pgqueue.%I for values from (%L) to (%L)',
                'jobs_' || outcome, leaf, low, high);
            made := made + 1;
        end loop;
    end loop;
    return made;
end $_$;

CREATE FUNCTION pgqueue.drop_partitions() RETURNS SETOF text
    LANGUAGE plpgsql
    AS $_$
declare
    kept  record;
    leaf  record;
begin
    for kept in
        select r.state, (pgqueue.now() - r.keep) as since from pgqueue.retention r
    loop
        for leaf in
            select c.relname,
                   to_date(right(c.relname, 8), 'YYYYMMDD') + 1 as ends
            from pg_inherits i
            join pg_class c on c.oid = i.inhrelid
            where i.inhparent = format('pgqueue.jobs_%s', kept.state)::regclass
              and c.relname ~ '_[0-9]{8}$'
        loop
            if leaf.ends::timestamp at time zone 'utc' <= kept.since then
                execute format('drop table if exists pgqueue.%I', leaf.relname);
                return next leaf.relname;
            end if;
        end loop;
        execute format('delete from pgqueue.%I where finished_at < $1',
            'jobs_' || kept.state || '_default') using kept.since;
    end loop;
end $_$;

CREATE FUNCTION pgqueue.edit_schedule(name text, changes jsonb) RETURNS boolean
    LANGUAGE plpgsql
    AS $$
#variable_conflict use_column
declare
    stranger  text;
begin
    select k into stranger
    from jsonb_object_keys(changes) k
    where k not in ('task', 'args', 'kwargs', 'queue', 'priority', 'expires_in', 'max_attempts', 'headers',
                    'schedule', 'timezone', 'catch_up', 'overlap')
    limit 1;
    if stranger is not null then
        raise exception 'pgqueue.edit_schedule: there is no % to change', to_json(stranger)
            using errcode = '22023',
            hint = 'there are task, args, kwargs, queue, priority, expires_in, max_attempts, headers, schedule, timezone, catch_up and overlap';
    end if;
    update pgqueue.schedules s
    set task = c.task, args = c.args, kwargs = c.kwargs, queue = c.queue, priority = c.priority,
        expires_in = c.expires_in, max_attempts = c.max_attempts, headers = nullif(c.headers, 'null'),
        schedule = c.schedule, timezone = c.timezone, catch_up = c.catch_up, overlap = c.overlap,
        error = null, edited_at = pgqueue.now(),
        next_run_at = case when (s.schedule, s.timezone) = (c.schedule, c.timezone) then s.next_run_at end,
        anchor_at = case when s.schedule = c.schedule then s.anchor_at end,
        waiting_tick = case when c.overlap = 'queue' then s.waiting_tick end
    from pgqueue.schedules o
    cross join lateral jsonb_populate_record(o, changes) c
    where o.name = edit_schedule.name and s.name = o.name;
    if not found then
        return false;
    end if;
    perform pg_notify('pgqueue.control', '');
    return true;
end $$;

CREATE FUNCTION pgqueue.enqueue(task text, payload jsonb DEFAULT '{}'::jsonb, queue text DEFAULT 'default'::text, priority integer DEFAULT 0, countdown interval DEFAULT NULL::interval, eta timestamp with time zone DEFAULT NULL::timestamp with time zone, expires timestamp with time zone DEFAULT NULL::timestamp with time zone, id uuid DEFAULT NULL::uuid, headers jsonb DEFAULT NULL::jsonb, max_retries integer DEFAULT NULL::integer, notify boolean DEFAULT true) RETURNS uuid
    LANGUAGE plpgsql
    AS $$
#variable_conflict use_column
declare
    moment    timestamptz := pgqueue.now();
    due       timestamptz := greatest(coalesce(eta, moment + countdown, moment), moment);
    new_id    uuid := coalesce(enqueue.id, pgqueue.uuid7());
    args      jsonb := coalesce(payload -> 'args', '[]');
    kwargs    jsonb := coalesce(payload -> 'kwargs', '{}');
    stranger  text;
begin
    if coalesce(task, '') = '' then
        raise exception 'pgqueue.enqueue: task must be the name of a task' using errcode = '22023';
    end if;
    if coalesce(queue, '') = '' then
        raise exception 'pgqueue.enqueue: queue must be the name of a queue' using errcode = '22023';
    end if;
    if payload is null or jsonb_typeof(payload) <> 'object' then
        raise exception 'pgqueue.enqueue: payload must be an object such as {"args": [1], "kwargs": {"b": 2}}, not %',
            coalesce(jsonb_typeof(payload), 'null') using errcode = '22023';
    end if;
    select k into stranger from jsonb_object_keys(payload) k where k not in ('args', 'kwargs') limit 1;
    if stranger is not null then
        raise exception 'pgqueue.enqueue: payload has a key %, but only "args" and "kwargs" mean something',
            to_json(stranger) using errcode = '22023',
            hint = 'options such as queue and priority are arguments: queue => ''billing''';
    end if;
    if jsonb_typeof(args) <> 'array' or jsonb_typeof(kwargs) <> 'object' then
        raise exception 'pgqueue.enqueue: payload.args must be an array and payload.kwargs an object'
            using errcode = '22023';
    end if;
    if headers is not null and jsonb_typeof(headers) <> 'object' then
        raise exception 'pgqueue.enqueue: headers must be an object' using errcode = '22023';
    end if;
    if priority is null or priority not between 0 and 9 then
        raise exception 'pgqueue.enqueue: priority is %, but must be 0 to 9 (9 is claimed first)', priority
            using errcode = '22023';
    end if;
    if max_retries is not null and max_retries not between 0 and 32766 then
        raise exception 'pgqueue.enqueue: max_retries is %, but must be 0 to 32766', max_retries
            using errcode = '22023';
    end if;
    if countdown is not null and eta is not null then
        raise exception 'pgqueue.enqueue: give countdown or eta, not both' using errcode = '22023';
    end if;

    if enqueue.id is not null and pgqueue.is_finished(enqueue.id) then
        return enqueue.id;
    end if;
    if exists (select from pgqueue.queues q where q.name = enqueue.queue and q.max_depth is not null)
       and not (enqueue.id is not null and exists (select from pgqueue.jobs_live l where l.id = enqueue.id)) then
        perform pgqueue.admit(enqueue.queue, 1);
    end if;
    insert into pgqueue.jobs_live
        (id, queue, task, priority, max_attempts, run_at, created_at, expires_at, args, kwargs, headers)
    values
        (new_id, queue, task, priority, max_retries + 1, due, moment, expires, args, kwargs, headers)
    on conflict (id) do nothing;

    if not found then
        return new_id;
    end if;
    if enqueue.id is not null and not pgqueue.stays(new_id) then
        return new_id;
    end if;
    if notify and due < moment + interval '2 s' then
        perform pgqueue.wake(queue, 'pgqueue.jobs');
    end if;
    return new_id;
end $$;

CREATE FUNCTION pgqueue.enqueue_unique(task text, unique_key text, payload jsonb DEFAULT '{}'::jsonb, queue text DEFAULT 'default'::text, priority integer DEFAULT 0, countdown interval DEFAULT NULL::interval, eta timestamp with time zone DEFAULT NULL::timestamp with time zone, expires timestamp with time zone DEFAULT NULL::timestamp with time zone, id uuid DEFAULT NULL::uuid, headers jsonb DEFAULT NULL::jsonb, max_retries integer DEFAULT NULL::integer, notify boolean DEFAULT true, unique_until text DEFAULT NULL::text, unique_for interval DEFAULT NULL::interval, on_duplicate text DEFAULT 'keep'::text) RETURNS TABLE(job_id uuid, existing boolean)
    LANGUAGE plpgsql
    AS $$
#variable_conflict use_variable
declare
    new_id  uuid := coalesce(id, pgqueue.uuid7());
    ends    text := coalesce(unique_until, case when on_duplicate = 'replace' then 'start' else 'end' end);
    holder  uuid;
begin
    if coalesce(octet_length(unique_key), 0) not between 1 and 200 then
        raise exception 'pgqueue.enqueue_unique: unique_key must be a text of 1 to 200 bytes'
            using errcode = '22023', hint = 'of a longer one, take a hash: md5(…)';
    end if;
    if on_duplicate is null or on_duplicate not in ('keep', 'replace', 'raise') then
        raise exception 'pgqueue.enqueue_unique: on_duplicate is %, but must be keep, replace or raise',
            coalesce(to_json(on_duplicate)::text, 'null') using errcode = '22023';
    end if;
    if ends not in ('start', 'end') then
        raise exception 'pgqueue.enqueue_unique: unique_until is %, but must be start or end', to_json(ends)
            using errcode = '22023';
    end if;
    if on_duplicate = 'replace' and (ends = 'end' or unique_for is not null) then
        raise exception 'pgqueue.enqueue_unique: only a queued job can be replaced'
            using errcode = '22023',
            hint = 'with on_duplicate => ''replace'', a key is held until the start: leave out unique_until and unique_for';
    end if;

    if id is not null
       and (pgqueue.is_finished(id) or exists (select from pgqueue.jobs_live l where l.id = new_id)) then
        return query select id, true;
        return;
    end if;
    holder := pgqueue.hold(unique_key, new_id, ends = 'start', extract(epoch from unique_for)::float8);
    if holder <> new_id and on_duplicate = 'raise' then
        raise exception 'pgqueue.enqueue_unique: job % holds the unique key %', holder, to_json(unique_key)
            using errcode = 'unique_violation', detail = holder;
    end if;
    if holder = new_id or on_duplicate = 'replace' then
        perform pgqueue.enqueue(
            task, payload, queue, priority, countdown, eta, expires, new_id,
            jsonb_set(coalesce(headers, '{}'), '{pgqueue}',
                      coalesce(headers #> '{pgqueue}', '{}') || jsonb_build_object('unique', unique_key)),
            max_retries, notify);
    end if;
    if holder <> new_id and on_duplicate = 'replace' then
        perform pgqueue.fold(unique_key, new_id, holder);
    end if;
    return query select holder, holder <> new_id;
end $$;

CREATE FUNCTION pgqueue.fold(key text, call_id uuid, holder uuid) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
#variable_conflict use_column
begin
    update pgqueue.unique_keys k set call_id = fold.call_id where k.key = fold.key and k.job_id = holder;
    if not found then
        raise exception 'pgqueue.fold: job % does not hold the key %', holder, to_json(fold.key);
    end if;
    with made as (
        delete from pgqueue.jobs_live m where m.id = fold.call_id returning m.*
    )
    update pgqueue.jobs_live j
    set queue = m.queue, task = m.task, priority = m.priority, max_attempts = m.max_attempts,
        attempt = 0, crashes = 0, run_at = m.run_at, expires_at = m.expires_at,
        args = m.args, kwargs = m.kwargs, headers = m.headers,
        limit_key = m.limit_key, due_at = m.due_at
    from made m
    where j.id = holder and j.state = 'queued';
    return found;
end $$;

CREATE FUNCTION pgqueue.follow(ended uuid[], since timestamp with time zone DEFAULT '-infinity'::timestamp with time zone) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    SET enable_indexscan TO 'off'
    SET enable_bitmapscan TO 'on'
    SET jit TO 'off'
    SET plan_cache_mode TO 'force_generic_plan'
    AS $$
#variable_conflict use_column
declare
    moment    timestamptz := pgqueue.now();
    soon      timestamptz := moment + interval '2 s';
    ids       uuid[] := ended;
    parents   uuid[];
    states    text[];
    results   jsonb[];
    errors    text[];
    ready     uuid[];
    broken    uuid[];
    become    uuid[];
    called    integer;
    called_in text[];
    queues    text[] := '{}';
    gone      uuid[] := ended;
    followed  uuid[] := '{}';
    failed    uuid[] := '{}';
    touched   integer := 0;
begin
    loop
        select array_agg(o.id), array_agg(o.state), array_agg(o.result), array_agg(o.error)
        into parents, states, results, errors
        from (
            select
                x.id,
                coalesce(p.state::text, 'failed') as state,
                p.result,
                case when p.state is null then 'LookupError: job ' || x.id || ' is gone without a trace'
                     else p.error end as error
            from unnest(ids) as x (id)
            left join lateral (
                select h.state, h.result, h.error
                from pgqueue.jobs h
                where h.id = x.id and h.state in ('succeeded', 'failed', 'cancelled')
                  and h.finished_at >= since
                limit 1
            ) p on true
            where exists (select from pgqueue.edges e where e.parent_id = x.id)
              and (p.state is not null or since = '-infinity'
                   and (select l.id from pgqueue.jobs_live l where l.id = x.id) is null)
        ) o;
        exit when parents is null;
        followed := followed || parents;

        perform j.id
        from pgqueue.jobs_live j
        where j.state = 'waiting' and j.id = any (array(
            with recursive reach (id, broken, ends) as (
                select c.id, c.broken, c.broken or c.becomes and c.parents >= coalesce(
                    (select l.open_parents from pgqueue.jobs_live l where l.id = c.id), 0)
                from (
                    select
                        e.child_id as id, bool_or(p.state <> 'succeeded') as broken,
                        bool_or(e.kind = 'become') as becomes, count(*) as parents
                    from unnest(parents, states) as p (id, state)
                    join pgqueue.edges e on e.parent_id = p.id
                    where e.kind <> 'error'
                    group by e.child_id
                ) c
                union
                select e.child_id, r.broken, r.broken or e.kind = 'become'
                from reach r
                join pgqueue.edges e on e.parent_id = r.id
                where r.ends and e.kind <> 'error'
            )
            select r.id from reach r))
        order by j.id
        for update;

        with done as (
            update pgqueue.edges e
            set done = true,
                result = case when e.place is not null then coalesce(p.result, 'null') end
            from unnest(parents, states, results) as p (id, state, result), pgqueue.jobs_live c
            where e.parent_id = p.id and p.state = 'succeeded' and e.kind <> 'error' and not e.done
              and c.id = e.child_id and c.state = 'waiting'
            returning e.child_id
        )
        update pgqueue.jobs_live j
        set open_parents = j.open_parents - d.parents
        from (select d.child_id, count(*)::integer as parents from done d group by d.child_id) d
        where j.id = d.child_id and j.state = 'waiting';

        broken := null;
        if 'failed' = any (states) or 'cancelled' = any (states) then
            failed := failed || array(
                select p.id from unnest(parents, states) as p (id, state) where p.state = 'failed');
            with causes as materialized (
                select distinct on (e.child_id)
                    e.child_id, p.state, p.id as cause, p.error,
                    e.place >= 0 or exists (
                        select from pgqueue.edges s
                        where s.child_id = e.child_id and s.parent_id <> e.parent_id
                          and s.kind <> 'error') as among_others
                from unnest(parents, states, errors) as p (id, state, error)
                join pgqueue.edges e on e.parent_id = p.id
                where p.state <> 'succeeded' and e.kind <> 'error'
                order by e.child_id, p.state = 'failed' desc, e.place, p.id
            ), gone as (
                delete from pgqueue.jobs_live j
                using causes c
                where j.id = c.child_id and j.state = 'waiting'
                returning j.*, c.state as outcome, case
                    when not coalesce(c.among_others, false) then c.error
                    when c.state = 'failed' then 'ChordError: Dependency ' || c.cause || ' raised ' || c.error
                    else 'Dependency ' || c.cause || ': ' || c.error end as cause
            ), fallen as (
                insert into pgqueue.jobs
                    (id, state, queue, task, priority, attempt, max_attempts, crashes, claim, worker_id,
                     run_at, created_at, started_at, finished_at, expires_at, cancel_requested_at, args,
                     kwargs, headers, error, past_errors, parent_id, root_id, open_parents, linked)
                select
                    g.id, g.outcome::pgqueue.job_state, g.queue, g.task, g.priority, g.attempt,
                    g.max_attempts, g.crashes, g.claim, g.worker_id, g.run_at, g.created_at,
                    g.started_at, moment, g.expires_at, g.cancel_requested_at, g.args, g.kwargs,
                    g.headers, g.cause, g.past_errors, g.parent_id, g.root_id, g.open_parents, g.linked
                from gone g
                returning id
            )
            select array_agg(f.id) into broken from fallen f;
        end if;

        become := null;
        ready := array(
            select distinct j.id
            from unnest(parents) as p (id)
            join pgqueue.edges e on e.parent_id = p.id
            join pgqueue.jobs_live j on j.id = e.child_id
            where e.kind <> 'error' and j.state = 'waiting' and j.open_parents <= 0);
        if cardinality(ready) > 0 then
            with given as materialized (
                delete from pgqueue.edges e
                where e.child_id = any (ready) and e.kind <> 'error'
                returning e.*
            ), gathered as materialized (
                select
                    g.child_id, bool_or(g.kind = 'become') as becomes,
                    jsonb_agg(g.result) filter (where g.place < 0) as one,
                    jsonb_agg(g.result order by g.place) filter (where g.place >= 0) as list
                from given g
                group by g.child_id
            ), queued as (
                update pgqueue.jobs_live j
                set state = 'queued',
                    open_parents = 0,
                    args = coalesce(g.one, '[]')
                        || case when g.list is null then '[]' else jsonb_build_array(g.list) end || j.args,
                    run_at = greatest(moment, coalesce(
                        (j.headers #>> '{pgqueue,after,eta}')::timestamptz,
                        moment + make_interval(secs => (j.headers #>> '{pgqueue,after,countdown}')::float8))),
                    expires_at = coalesce(
                        moment + make_interval(secs => (j.headers #>> '{pgqueue,after,expires_in}')::float8),
                        j.expires_at)
                from gathered g
                where j.id = g.child_id and not g.becomes
                returning j.queue, j.run_at
            ), gone as (
                delete from pgqueue.jobs_live j
                using gathered g
                where j.id = g.child_id and g.becomes
                returning j.*, nullif(coalesce(g.one -> 0, g.list), 'null') as value
            ), became as (
                insert into pgqueue.jobs
                    (id, state, queue, task, priority, attempt, max_attempts, crashes, claim, worker_id,
                     run_at, created_at, started_at, finished_at, expires_at, cancel_requested_at, args,
                     kwargs, headers, result, past_errors, parent_id, root_id, open_parents, linked)
                select
                    g.id, 'succeeded', g.queue, g.task, g.priority, g.attempt, g.max_attempts, g.crashes,
                    g.claim, g.worker_id, g.run_at, g.created_at, g.started_at, moment, g.expires_at,
                    g.cancel_requested_at, g.args, g.kwargs, g.headers, g.value, g.past_errors,
                    g.parent_id, g.root_id, 0, g.linked
                from gone g
                returning id
            )
            select q.jobs, q.queues, b.ids
            into called, called_in, become
            from (select count(*) as jobs, array_agg(distinct q.queue) filter (where q.run_at < soon) as queues
                  from queued q) q,
                 (select array_agg(b.id) as ids from became b) b;
            touched := touched + called;
            queues := queues || called_in;
        end if;

        ids := broken || become;
        exit when ids is null;
        gone := gone || ids;
        touched := touched + cardinality(ids);
    end loop;

    if cardinality(failed) > 0 then
        with fired as materialized (
            select distinct on (e.child_id)
                e.child_id, e.job, coalesce((e.job ->> 'immutable')::boolean, false) as immutable, f.id as failed
            from unnest(failed) with ordinality as f (id, rank)
            join pgqueue.edges e on e.parent_id = f.id
            where e.kind = 'error' and not pgqueue.is_finished(e.child_id)
            order by e.child_id, f.rank
        ), made as (
            insert into pgqueue.jobs_live
                (id, queue, task, priority, max_attempts, run_at, created_at, expires_at, args, kwargs,
                 headers, parent_id, root_id)
            select
                f.child_id, coalesce(f.job ->> 'queue', 'default'), f.job ->> 'task',
                coalesce((f.job ->> 'priority')::smallint, 0::smallint),
                coalesce((f.job ->> 'max_attempts')::integer, (f.job ->> 'max_retries')::integer + 1),
                greatest(moment, coalesce((f.job ->> 'eta')::timestamptz,
                    moment + make_interval(secs => (f.job ->> 'countdown')::float8))),
                moment,
                coalesce((f.job ->> 'expires')::timestamptz,
                    moment + make_interval(secs => (f.job ->> 'expires_in')::float8)),
                case when f.immutable then '[]' else jsonb_build_array(jsonb_build_object(
                    'id', f.failed, 'task', p.task, 'args', p.args, 'kwargs', p.kwargs,
                    'retries', greatest(p.attempt - 1, 0), 'error', p.error, 'traceback', p.traceback,
                    'parent_id', p.parent_id, 'root_id', p.root_id)) end
                    || coalesce(nullif(f.job -> 'args', 'null'), '[]'),
                coalesce(nullif(f.job -> 'kwargs', 'null'), '{}'),
                case when f.immutable then nullif(f.job -> 'headers', 'null') else
                    jsonb_set(coalesce(nullif(f.job -> 'headers', 'null'), '{}'), '{pgqueue}',
                        coalesce(f.job #> '{headers,pgqueue}', '{}') || '{"errback": true}') end,
                f.failed, coalesce(p.root_id, f.failed)
            from fired f
            left join lateral (
                select h.task, h.args, h.kwargs, h.attempt, h.error, h.traceback, h.parent_id, h.root_id
                from pgqueue.jobs h
                where h.id = f.failed and h.state = 'failed' and h.finished_at >= since
                limit 1
            ) p on true
            order by f.child_id
            on conflict (id) do nothing
            returning id, queue, run_at
        )
        select count(*), array_agg(distinct m.queue) filter (where m.run_at < soon)
        into called, called_in
        from made m
        where pgqueue.stays(m.id);
        touched := touched + called;
        queues := queues || called_in;
    end if;

    delete from pgqueue.edges e
    where e.parent_id = any (followed)
      and (e.kind = 'error' or (
          select c.id from pgqueue.jobs_live c where c.id = e.child_id and c.state = 'waiting') is null);
    delete from pgqueue.edges e
    where e.child_id = any (gone) and e.kind <> 'error'
      and not exists (select from pgqueue.jobs_live c where c.id = e.child_id);

    perform pgqueue.wake(q.queue, 'pgqueue.jobs') from (select distinct u.queue from unnest(queues) as u (queue)) q;
    if cardinality(gone) > cardinality(ended) then
        perform pgqueue.wake('', 'pgqueue.results');
    end if;
    return touched;
end $$;

CREATE FUNCTION pgqueue.gate(place text) RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN hashtextextended(('pgqueue.gate:'::text || place), (0)::bigint);

CREATE FUNCTION pgqueue.hold(key text, job_id uuid, until_start boolean DEFAULT false, seconds double precision DEFAULT NULL::double precision) RETURNS uuid
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
#variable_conflict use_column
declare
    moment  timestamptz := pgqueue.now();
    ends    timestamptz := moment + make_interval(secs => seconds);
    held    record;
    locked  boolean := false;
begin
    loop
        insert into pgqueue.unique_keys (key, job_id, call_id, taken_at, expires_at)
        values (hold.key, hold.job_id, hold.job_id, moment, ends)
        on conflict (key) do nothing;
        if found then
            return hold.job_id;
        end if;
        if locked then
            select k.* into held from pgqueue.unique_keys k where k.key = hold.key for update;
        else
            select k.* into held from pgqueue.unique_keys k where k.key = hold.key;
        end if;
        continue when not found;
        exit when case when hold.job_id = held.job_id then locked
                       else hold.job_id = held.call_id or pgqueue.holds(
                           held.job_id, until_start, held.taken_at, held.expires_at) end;
        if locked then
            update pgqueue.unique_keys k
            set job_id = hold.job_id, call_id = hold.job_id, taken_at = moment, expires_at = ends
            where k.key = hold.key;
            return hold.job_id;
        end if;
        locked := true;
    end loop;
    return held.job_id;
end $$;

CREATE FUNCTION pgqueue.holds(job_id uuid, until_start boolean, taken_at timestamp with time zone, expires_at timestamp with time zone) RETURNS boolean
    LANGUAGE plpgsql
    AS $$
begin
    if not until_start then
        if exists (select from pgqueue.jobs_live j where j.id = job_id) then
            return true;
        end if;
    else
        perform from pgqueue.jobs_live j where j.id = job_id and j.state = 'queued' for key share;
        if found then
            return true;
        end if;
    end if;
    return expires_at > pgqueue.now() and not exists (
        select
        from pgqueue.jobs h
        where h.id = job_id and h.state in ('failed', 'cancelled') and h.finished_at >= taken_at);
end $$;

CREATE FUNCTION pgqueue.incarnation() RETURNS text
    LANGUAGE sql STABLE
    RETURN ((EXTRACT(epoch FROM pg_postmaster_start_time()) || ' '::text) || COALESCE(EXTRACT(epoch FROM pg_stat_get_bgwriter_stat_reset_time()), (0)::numeric));

CREATE FUNCTION pgqueue.interrupt(ids uuid[], signal text) RETURNS void
    LANGUAGE plpgsql
    AS $$
begin
    perform pgqueue.tell(
        pgqueue.uuid7(), 'revoke',
        jsonb_build_object('jobs', r.jobs, 'signal', interrupt.signal),
        array[r.worker_id], 3600)
    from (
        select j.worker_id, jsonb_agg(jsonb_build_array(j.id, j.claim)) as jobs
        from unnest(interrupt.ids) as i (id)
        join pgqueue.jobs_live j on j.id = i.id
        where j.state = 'running' and j.cancel_requested_at is not null
        group by j.worker_id
    ) r;
end $$;

CREATE FUNCTION pgqueue.is_finished(job_id uuid) RETURNS boolean
    LANGUAGE plpgsql STABLE
    AS $$
begin
    return exists (
        select from pgqueue.jobs j
        where j.id = job_id and j.state in ('succeeded', 'failed', 'cancelled'));
end $$;

CREATE TABLE pgqueue.queues (
    name text NOT NULL,
    paused_at timestamp with time zone,
    max_depth integer,
    keep interval,
    rate_limit text,
    rate_burst integer DEFAULT 1 NOT NULL,
    CONSTRAINT queues_keep_check CHECK ((keep >= '00:00:00'::interval)),
    CONSTRAINT queues_max_depth_check CHECK ((max_depth >= 0)),
    CONSTRAINT queues_rate_burst_check CHECK (((rate_burst >= 1) AND (rate_burst <= 100000)))
);

CREATE FUNCTION pgqueue.keep_finished(queue text, keep interval) RETURNS void
    LANGUAGE sql
    BEGIN ATOMIC
 INSERT INTO pgqueue.queues AS q (name, keep)
   VALUES (keep_finished.queue, keep_finished.keep) ON CONFLICT(name) DO UPDATE SET keep = excluded.keep;
END;

CREATE FUNCTION pgqueue.lifeline(worker bigint) RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN hashtextextended(('pgqueue.worker:'::text || worker), (0)::bigint);

CREATE FUNCTION pgqueue.limit_key(task text, args jsonb, kwargs jsonb, headers jsonb, name text, place integer) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (SELECT (limit_key.task || COALESCE((':'::text || CASE WHEN (octet_length(v.value) > 200) THEN md5(v.value) ELSE v.value END), ''::text)) FROM (SELECT COALESCE((limit_key.headers #>> '{pgqueue,limit_key}'::text[]), (SELECT CASE WHEN (jsonb_typeof(a.value) <> 'object'::text) THEN (a.value #>> '{}'::text[]) ELSE COALESCE((SELECT min(t.value) AS min FROM jsonb_each_text(a.value) t(key, value) HAVING ((min(t.key) ^@ '$'::text) AND (count(*) = 1))), (a.value)::text) END AS "coalesce" FROM (SELECT COALESCE((limit_key.kwargs -> limit_key.name), (limit_key.args -> limit_key.place)) AS value) a)) AS value) v);

CREATE FUNCTION pgqueue.limit_queue(queue text, max_depth integer) RETURNS void
    LANGUAGE sql
    BEGIN ATOMIC
 INSERT INTO pgqueue.queues AS q (name, max_depth)
   VALUES (limit_queue.queue, limit_queue.max_depth) ON CONFLICT(name) DO UPDATE SET max_depth = excluded.max_depth;
END;

CREATE FUNCTION pgqueue.lock_waiting(roots uuid[]) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    SET enable_indexscan TO 'off'
    SET enable_bitmapscan TO 'on'
    SET jit TO 'off'
    SET plan_cache_mode TO 'force_generic_plan'
    AS $$
begin
    perform j.id
    from pgqueue.jobs_live j
    where j.state = 'waiting' and j.id = any (array(
        with recursive reach (id) as (
            select r.id from unnest(roots) as r (id)
            union
            select e.child_id
            from reach r
            join pgqueue.edges e on e.parent_id = r.id
            where e.kind <> 'error'
        )
        select r.id from reach r))
    order by j.id
    for update;
end $$;

CREATE TABLE pgqueue.workers (
    id bigint NOT NULL,
    name text NOT NULL,
    hostname text NOT NULL,
    pid integer NOT NULL,
    version text NOT NULL,
    queues text[] NOT NULL,
    tasks text[] NOT NULL,
    processes smallint NOT NULL,
    concurrency integer NOT NULL,
    started_at timestamp with time zone NOT NULL,
    heartbeat_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    stopped_at timestamp with time zone,
    stats jsonb NOT NULL,
    active jsonb NOT NULL,
    lifeline text
)
WITH (fillfactor='50');

CREATE FUNCTION pgqueue.lost_jobs(workers bigint[]) RETURNS TABLE(id uuid, claim integer, worker_id bigint, charged boolean)
    LANGUAGE sql
    BEGIN ATOMIC
 SELECT j.id,
     j.claim,
     j.worker_id,
     ((NOT (w.stats ? 'stopping'::text)) AND (w.concurrency >= row_number() OVER (PARTITION BY w.id ORDER BY (w.active @> jsonb_build_array(jsonb_build_object('id', j.id))) DESC, j.started_at, (array_position(w.queues, j.queue)), j.priority DESC, j.run_at, j.id)))
    FROM (pgqueue.jobs_live j
      JOIN pgqueue.workers w ON ((w.id = j.worker_id)))
   WHERE ((cardinality(lost_jobs.workers) > 0) AND (j.worker_id = ANY (lost_jobs.workers)) AND (j.state = 'running'::pgqueue.job_state));
END;

CREATE FUNCTION pgqueue.now() RETURNS timestamp with time zone
    LANGUAGE sql PARALLEL SAFE
    RETURN clock_timestamp();

CREATE FUNCTION pgqueue.pause(queue text) RETURNS void
    LANGUAGE sql
    BEGIN ATOMIC
 INSERT INTO pgqueue.queues AS q (name, paused_at)
   VALUES (pause.queue, pgqueue.now()) ON CONFLICT(name) DO UPDATE SET paused_at = COALESCE(q.paused_at, excluded.paused_at);
END;

CREATE FUNCTION pgqueue.pause_schedule(name text) RETURNS boolean
    LANGUAGE plpgsql
    AS $$
begin
    update pgqueue.schedules s
    set paused_at = coalesce(s.paused_at, pgqueue.now())
    where s.name = pause_schedule.name;
    return found;
end $$;

CREATE FUNCTION pgqueue.prune_keys(after text, "limit" integer, OUT keys integer, OUT last text, OUT pruned integer) RETURNS record
    LANGUAGE plpgsql
    AS $$
#variable_conflict use_column
declare
    moment  timestamptz := pgqueue.now();
    stale   text[];
begin
    with slice as materialized (
        select k.key, k.job_id, k.expires_at
        from pgqueue.unique_keys k
        where k.key > after
        order by k.key
        limit prune_keys."limit"
    )
    select
        count(*), max(s.key),
        array_agg(s.key) filter (
            where (s.expires_at is null or s.expires_at <= moment)
              and not exists (select from pgqueue.jobs_live j where j.id = s.job_id))
    into keys, last, stale
    from slice s;
    stale := array(
        select k.key from pgqueue.unique_keys k where k.key = any (stale) for update skip locked);
    delete from pgqueue.unique_keys k
    where k.key = any (stale)
      and (k.expires_at is null or k.expires_at <= moment)
      and not exists (select from pgqueue.jobs_live j where j.id = k.job_id);
    get diagnostics pruned = row_count;
end $$;

CREATE FUNCTION pgqueue.prune_queues(after text, page bigint, pages integer, OUT leaf text, OUT last bigint, OUT pruned bigint) RETURNS record
    LANGUAGE plpgsql
    AS $_$
declare
    moment  timestamptz := pgqueue.now();
    names   text[];
    keeps   interval[];
begin
    leaf := '';
    last := 0;
    pruned := 0;
    select array_agg(q.name), array_agg(q.keep) into names, keeps
    from pgqueue.queues q
    where q.keep is not null;
    if names is null then
        return;
    end if;
    select d.leaf, d.first + prune_queues.pages into leaf, last
    from (
        select
            c.relname::text as leaf,
            case when c.relname = prune_queues.after then prune_queues.page else 0 end as first,
            pg_relation_size(c.oid) / current_setting('block_size')::bigint as size
        from pg_inherits i
        join pg_class c on c.oid = i.inhrelid
        where i.inhparent in ('pgqueue.jobs_succeeded'::regclass, 'pgqueue.jobs_failed'::regclass,
                              'pgqueue.jobs_cancelled'::regclass)
          and c.relname >= prune_queues.after
    ) d
    where d.first < d.size
    order by d.leaf
    limit 1;
    if leaf is null then
        leaf := '';
        last := 0;
        return;
    end if;
    execute format(
        'delete from pgqueue.%I j
         using unnest($1, $2) as k (queue, keep)
         where j.ctid >= $3 and j.ctid < $4 and j.queue = k.queue and j.finished_at < $5 - k.keep', leaf)
        using names, keeps, format('(%s,0)', last - pages)::tid, format('(%s,0)', last)::tid, moment;
    get diagnostics pruned = row_count;
end $_$;

CREATE FUNCTION pgqueue.rate_interval(rate text) RETURNS interval
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (SELECT CASE WHEN (r.number > (0)::numeric) THEN ((LEAST('32000000000000'::numeric, ceil((((1000000)::numeric * (CASE r.period WHEN 'm'::text THEN 60 WHEN 'h'::text THEN 3600 ELSE 1 END)::numeric) / r.number))))::double precision * '00:00:00.000001'::interval) ELSE NULL::interval END AS "case" FROM (SELECT CASE WHEN (rate_interval.rate ~ '^[0-9]{1,20}(\.[0-9]{0,40})?(/[smh])?$'::text) THEN (split_part(rate_interval.rate, '/'::text, 1))::numeric ELSE NULL::numeric END AS number, NULLIF(split_part(rate_interval.rate, '/'::text, 2), ''::text) AS period) r);

CREATE FUNCTION pgqueue.rate_queue(queue text, rate_limit text, rate_burst integer DEFAULT 1) RETURNS void
    LANGUAGE plpgsql
    AS $$
#variable_conflict use_variable
begin
    if queue is null or queue = '' then
        raise exception 'pgqueue.rate_queue: queue must be the name of a queue' using errcode = '22023';
    end if;
    if rate_limit is not null and pgqueue.rate_interval(rate_limit) is null then
        raise exception 'pgqueue.rate_queue: rate_limit is %, but must be so many a second, or a text such as 10/s, 10/m, 10/h',
            to_json(rate_limit) using errcode = '22023',
            hint = 'null takes the rate away; pgqueue.pause() has nothing start';
    end if;
    if rate_burst is null or rate_burst not between 1 and 100000 then
        raise exception 'pgqueue.rate_queue: rate_burst is %, but must be 1 to 100000', rate_burst
            using errcode = '22023';
    end if;
    insert into pgqueue.paces (queue) values (queue)
    on conflict do nothing;
    insert into pgqueue.queues as q (name, rate_limit, rate_burst)
    values (queue, rate_limit, rate_burst)
    on conflict (name) do update set rate_limit = excluded.rate_limit, rate_burst = excluded.rate_burst;
    perform pgqueue.wake(queue, 'pgqueue.jobs');
end $$;

CREATE FUNCTION pgqueue.rate_room(moment timestamp with time zone, next_start timestamp with time zone, every interval, burst integer) RETURNS TABLE(starts timestamp with time zone, room double precision)
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    select
        s.starts,
        floor(burst - extract(epoch from s.starts - moment) / extract(epoch from every))::float8
    from (select greatest(moment, case when next_start is not null
              then least(next_start, moment + burst * every) end) as starts) s
$$;

CREATE FUNCTION pgqueue.remove_schedule(name text) RETURNS boolean
    LANGUAGE plpgsql
    AS $$
begin
    delete from pgqueue.schedules s where s.name = remove_schedule.name;
    return found;
end $$;

CREATE FUNCTION pgqueue.resume(queue text) RETURNS void
    LANGUAGE plpgsql
    AS $$
begin
    update pgqueue.queues q set paused_at = null where q.name = resume.queue;
    perform pgqueue.wake(resume.queue, 'pgqueue.jobs');
end $$;

CREATE FUNCTION pgqueue.resume_schedule(name text) RETURNS boolean
    LANGUAGE plpgsql
    AS $$
begin
    update pgqueue.schedules s
    set paused_at = null, error = null, next_run_at = null, waiting_tick = null
    where s.name = resume_schedule.name and (s.paused_at is not null or s.error is not null);
    if found then
        perform pg_notify('pgqueue.control', '');
        return true;
    end if;
    return exists (select from pgqueue.schedules s where s.name = resume_schedule.name);
end $$;

CREATE FUNCTION pgqueue.retry(ids uuid[]) RETURNS SETOF uuid
    LANGUAGE plpgsql
    AS $$
#variable_conflict use_column
declare
    twins  uuid[];
begin
    select array_agg(k.id) into twins
    from (
        select u.id
        from (
            select
                j.id, j.headers #>> '{pgqueue,unique}' as key,
                row_number() over (partition by j.headers #>> '{pgqueue,unique}' order by j.id desc) as rank
            from pgqueue.jobs j
            where j.id = any (ids) and j.state in ('succeeded', 'failed', 'cancelled')
              and j.headers #> '{pgqueue,unique}' is not null
            order by key
        ) u
        where case when u.rank = 1 then pgqueue.hold(u.key, u.id) <> u.id else true end
    ) k;
    return query
    with found as materialized (
        select j.id
        from pgqueue.jobs j
        where j.id = any (ids) and j.state in ('succeeded', 'failed', 'cancelled')
          and coalesce(j.open_parents, 0) = 0
          and (twins is null or j.id <> all (twins))
        order by j.id
        for update
    ), gone as (
        delete from pgqueue.jobs j
        using found f
        where j.id = f.id and j.state in ('succeeded', 'failed', 'cancelled')
        returning j.*
    ), again as (
        insert into pgqueue.jobs_live
            (id, queue, task, priority, max_attempts, claim, run_at, created_at, args, kwargs,
             headers, past_errors, parent_id, root_id, open_parents, linked)
        select
            g.id, g.queue, g.task, g.priority, g.max_attempts, g.claim, t.now, g.created_at, g.args,
            g.kwargs, g.headers,
            case when g.state = 'failed'
                 then pgqueue.add_error(g.past_errors, g.attempt, g.claim, g.worker_id, g.started_at,
                                        g.finished_at, g.error, g.traceback)
                 else g.past_errors end,
            g.parent_id, g.root_id, g.open_parents, g.linked
        from gone g, (select pgqueue.now() as now) t
        order by g.id
        returning id, queue
    ), woken as (
        select pgqueue.wake(q.queue, 'pgqueue.jobs') from (select distinct queue from again) q
    )
    select a.id from again a cross join (select count(*) from woken) w;
end $$;

CREATE FUNCTION pgqueue.retry(id uuid) RETURNS uuid
    LANGUAGE sql
    BEGIN ATOMIC
 SELECT r.r
    FROM pgqueue.retry(ARRAY[retry.id]) r(r);
END;

CREATE FUNCTION pgqueue.run_alone(headers jsonb) RETURNS jsonb
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN jsonb_set(CASE jsonb_typeof(headers) WHEN 'object'::text THEN headers ELSE '{}'::jsonb END, '{pgqueue}'::text[], (COALESCE((headers #> '{pgqueue}'::text[]), '{}'::jsonb) || '{"alone": true}'::jsonb));

CREATE FUNCTION pgqueue.run_schedule(name text) RETURNS uuid
    LANGUAGE plpgsql
    AS $$
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

CREATE FUNCTION pgqueue.running_jobs(workers bigint[]) RETURNS TABLE(id uuid, claim integer, worker_id bigint)
    LANGUAGE sql
    BEGIN ATOMIC
 SELECT j.id,
     j.claim,
     j.worker_id
    FROM pgqueue.jobs_live j
   WHERE ((cardinality(running_jobs.workers) > 0) AND (j.worker_id = ANY (running_jobs.workers)) AND (j.state = 'running'::pgqueue.job_state));
END;

CREATE FUNCTION pgqueue.stays(job_id uuid) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
    if not pgqueue.is_finished(job_id) then
        return true;
    end if;
    delete from pgqueue.jobs_live j where j.id = job_id;
    return false;
end $$;

CREATE FUNCTION pgqueue.tell(broadcast uuid, command text, arguments jsonb, workers bigint[], seconds double precision) RETURNS void
    LANGUAGE plpgsql
    AS $$
begin
    if cardinality(workers) > 0 then
        delete from pgqueue.commands c
        where c.id in (
            select o.id from pgqueue.commands o
            where o.expires_at < pgqueue.now() - interval '1 hour'
            for update skip locked);
        insert into pgqueue.commands
            (broadcast, worker_id, command, arguments, sent_at, expires_at)
        select
            tell.broadcast, w.id, tell.command, tell.arguments, t.now,
            t.now + make_interval(secs => tell.seconds)
        from unnest(tell.workers) as w (id), (select pgqueue.now() as now) t;
        perform pg_notify('pgqueue.control', '');
    end if;
end $$;

CREATE FUNCTION pgqueue.terminate(ids uuid[], signal text DEFAULT 'SIGTERM'::text) RETURNS TABLE(id uuid, state pgqueue.job_state)
    LANGUAGE plpgsql
    AS $$
#variable_conflict use_column
begin
    perform from pgqueue.cancel(ids);
    perform pgqueue.interrupt(ids, signal);
    return query
    select j.id, j.state from pgqueue.jobs j where j.id = any (ids);
end $$;

CREATE FUNCTION pgqueue.uuid7() RETURNS uuid
    LANGUAGE sql PARALLEL SAFE
    RETURN ((OVERLAY(lpad(to_hex(((EXTRACT(epoch FROM clock_timestamp()) * (4096000)::numeric))::bigint), 15, '0'::text) PLACING '7'::text FROM 13 FOR 0) || substr((gen_random_uuid())::text, 20)))::uuid;

CREATE FUNCTION pgqueue.wake(place text, channel text) RETURNS void
    LANGUAGE sql
    RETURN CASE WHEN CASE WHEN pg_try_advisory_lock(pgqueue.gate(place)) THEN (NOT pg_advisory_unlock(pgqueue.gate(place))) ELSE true END THEN pg_notify(channel, ''::text) ELSE NULL::void END;

CREATE TABLE pgqueue.arrivals (
    queue text NOT NULL,
    limit_key text NOT NULL,
    due_at timestamp with time zone NOT NULL,
    said_at timestamp with time zone NOT NULL,
    task text NOT NULL,
    max_concurrency integer,
    rate_limit text,
    rate_burst integer NOT NULL
)
WITH (autovacuum_vacuum_scale_factor='0.0', autovacuum_vacuum_threshold='1000', autovacuum_vacuum_cost_delay='0', vacuum_truncate=off);

CREATE TABLE pgqueue.commands (
    id bigint NOT NULL,
    broadcast uuid NOT NULL,
    worker_id bigint NOT NULL,
    command text NOT NULL,
    arguments jsonb NOT NULL,
    sent_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    answered_at timestamp with time zone,
    reply jsonb
);

ALTER TABLE pgqueue.commands ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME pgqueue.commands_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE pgqueue.edges (
    parent_id uuid NOT NULL,
    child_id uuid NOT NULL,
    kind text NOT NULL,
    place integer,
    result jsonb,
    done boolean DEFAULT false NOT NULL,
    job jsonb,
    CONSTRAINT edges_kind_check CHECK ((kind = ANY (ARRAY['call'::text, 'become'::text, 'error'::text])))
)
WITH (fillfactor='80', autovacuum_vacuum_scale_factor='0.0', autovacuum_vacuum_threshold='10000', autovacuum_vacuum_cost_delay='0', vacuum_truncate=off);

CREATE TABLE pgqueue.groups (
    id uuid NOT NULL,
    members uuid[] NOT NULL,
    created_at timestamp with time zone NOT NULL
);

CREATE TABLE pgqueue.jobs_cancelled (
    id uuid CONSTRAINT jobs_id_not_null NOT NULL,
    state pgqueue.job_state CONSTRAINT jobs_state_not_null NOT NULL,
    queue text CONSTRAINT jobs_queue_not_null NOT NULL,
    task text CONSTRAINT jobs_task_not_null NOT NULL,
    priority smallint CONSTRAINT jobs_priority_not_null NOT NULL,
    attempt integer CONSTRAINT jobs_attempt_not_null NOT NULL,
    max_attempts integer,
    crashes smallint CONSTRAINT jobs_crashes_not_null NOT NULL,
    claim integer CONSTRAINT jobs_claim_not_null NOT NULL,
    worker_id bigint,
    run_at timestamp with time zone CONSTRAINT jobs_run_at_not_null NOT NULL,
    created_at timestamp with time zone CONSTRAINT jobs_created_at_not_null NOT NULL,
    started_at timestamp with time zone,
    finished_at timestamp with time zone,
    expires_at timestamp with time zone,
    cancel_requested_at timestamp with time zone,
    args jsonb CONSTRAINT jobs_args_not_null NOT NULL,
    kwargs jsonb CONSTRAINT jobs_kwargs_not_null NOT NULL,
    headers jsonb,
    result jsonb,
    error text,
    traceback text,
    past_errors jsonb,
    parent_id uuid,
    root_id uuid,
    open_parents integer,
    linked boolean,
    limit_key text,
    due_at timestamp with time zone
)
PARTITION BY RANGE (finished_at);

CREATE TABLE pgqueue.jobs_cancelled_default (
    id uuid CONSTRAINT jobs_id_not_null NOT NULL,
    state pgqueue.job_state CONSTRAINT jobs_state_not_null NOT NULL,
    queue text CONSTRAINT jobs_queue_not_null NOT NULL,
    task text CONSTRAINT jobs_task_not_null NOT NULL,
    priority smallint CONSTRAINT jobs_priority_not_null NOT NULL,
    attempt integer CONSTRAINT jobs_attempt_not_null NOT NULL,
    max_attempts integer,
    crashes smallint CONSTRAINT jobs_crashes_not_null NOT NULL,
    claim integer CONSTRAINT jobs_claim_not_null NOT NULL,
    worker_id bigint,
    run_at timestamp with time zone CONSTRAINT jobs_run_at_not_null NOT NULL,
    created_at timestamp with time zone CONSTRAINT jobs_created_at_not_null NOT NULL,
    started_at timestamp with time zone,
    finished_at timestamp with time zone,
    expires_at timestamp with time zone,
    cancel_requested_at timestamp with time zone,
    args jsonb CONSTRAINT jobs_args_not_null NOT NULL,
    kwargs jsonb CONSTRAINT jobs_kwargs_not_null NOT NULL,
    headers jsonb,
    result jsonb,
    error text,
    traceback text,
    past_errors jsonb,
    parent_id uuid,
    root_id uuid,
    open_parents integer,
    linked boolean,
    limit_key text,
    due_at timestamp with time zone
);

CREATE TABLE pgqueue.jobs_failed (
    id uuid CONSTRAINT jobs_id_not_null NOT NULL,
    state pgqueue.job_state CONSTRAINT jobs_state_not_null NOT NULL,
    queue text CONSTRAINT jobs_queue_not_null NOT NULL,
    task text CONSTRAINT jobs_task_not_null NOT NULL,
    priority smallint CONSTRAINT jobs_priority_not_null NOT NULL,
    attempt integer CONSTRAINT jobs_attempt_not_null NOT NULL,
    max_attempts integer,
    crashes smallint CONSTRAINT jobs_crashes_not_null NOT NULL,
    claim integer CONSTRAINT jobs_claim_not_null NOT NULL,
    worker_id bigint,
    run_at timestamp with time zone CONSTRAINT jobs_run_at_not_null NOT NULL,
    created_at timestamp with time zone CONSTRAINT jobs_created_at_not_null NOT NULL,
    started_at timestamp with time zone,
    finished_at timestamp with time zone,
    expires_at timestamp with time zone,
    cancel_requested_at timestamp with time zone,
    args jsonb CONSTRAINT jobs_args_not_null NOT NULL,
    kwargs jsonb CONSTRAINT jobs_kwargs_not_null NOT NULL,
    headers jsonb,
    result jsonb,
    error text,
    traceback text,
    past_errors jsonb,
    parent_id uuid,
    root_id uuid,
    open_parents integer,
    linked boolean,
    limit_key text,
    due_at timestamp with time zone
)
PARTITION BY RANGE (finished_at);

CREATE TABLE pgqueue.jobs_failed_default (
    id uuid CONSTRAINT jobs_id_not_null NOT NULL,
    state pgqueue.job_state CONSTRAINT jobs_state_not_null NOT NULL,
    queue text CONSTRAINT jobs_queue_not_null NOT NULL,
    task text CONSTRAINT jobs_task_not_null NOT NULL,
    priority smallint CONSTRAINT jobs_priority_not_null NOT NULL,
    attempt integer CONSTRAINT jobs_attempt_not_null NOT NULL,
    max_attempts integer,
    crashes smallint CONSTRAINT jobs_crashes_not_null NOT NULL,
    claim integer CONSTRAINT jobs_claim_not_null NOT NULL,
    worker_id bigint,
    run_at timestamp with time zone CONSTRAINT jobs_run_at_not_null NOT NULL,
    created_at timestamp with time zone CONSTRAINT jobs_created_at_not_null NOT NULL,
    started_at timestamp with time zone,
    finished_at timestamp with time zone,
    expires_at timestamp with time zone,
    cancel_requested_at timestamp with time zone,
    args jsonb CONSTRAINT jobs_args_not_null NOT NULL,
    kwargs jsonb CONSTRAINT jobs_kwargs_not_null NOT NULL,
    headers jsonb,
    result jsonb,
    error text,
    traceback text,
    past_errors jsonb,
    parent_id uuid,
    root_id uuid,
    open_parents integer,
    linked boolean,
    limit_key text,
    due_at timestamp with time zone
);

CREATE TABLE pgqueue.jobs_succeeded (
    id uuid CONSTRAINT jobs_id_not_null NOT NULL,
    state pgqueue.job_state CONSTRAINT jobs_state_not_null NOT NULL,
    queue text CONSTRAINT jobs_queue_not_null NOT NULL,
    task text CONSTRAINT jobs_task_not_null NOT NULL,
    priority smallint CONSTRAINT jobs_priority_not_null NOT NULL,
    attempt integer CONSTRAINT jobs_attempt_not_null NOT NULL,
    max_attempts integer,
    crashes smallint CONSTRAINT jobs_crashes_not_null NOT NULL,
    claim integer CONSTRAINT jobs_claim_not_null NOT NULL,
    worker_id bigint,
    run_at timestamp with time zone CONSTRAINT jobs_run_at_not_null NOT NULL,
    created_at timestamp with time zone CONSTRAINT jobs_created_at_not_null NOT NULL,
    started_at timestamp with time zone,
    finished_at timestamp with time zone,
    expires_at timestamp with time zone,
    cancel_requested_at timestamp with time zone,
    args jsonb CONSTRAINT jobs_args_not_null NOT NULL,
    kwargs jsonb CONSTRAINT jobs_kwargs_not_null NOT NULL,
    headers jsonb,
    result jsonb,
    error text,
    traceback text,
    past_errors jsonb,
    parent_id uuid,
    root_id uuid,
    open_parents integer,
    linked boolean,
    limit_key text,
    due_at timestamp with time zone
)
PARTITION BY RANGE (finished_at);

CREATE TABLE pgqueue.jobs_succeeded_default (
    id uuid CONSTRAINT jobs_id_not_null NOT NULL,
    state pgqueue.job_state CONSTRAINT jobs_state_not_null NOT NULL,
    queue text CONSTRAINT jobs_queue_not_null NOT NULL,
    task text CONSTRAINT jobs_task_not_null NOT NULL,
    priority smallint CONSTRAINT jobs_priority_not_null NOT NULL,
    attempt integer CONSTRAINT jobs_attempt_not_null NOT NULL,
    max_attempts integer,
    crashes smallint CONSTRAINT jobs_crashes_not_null NOT NULL,
    claim integer CONSTRAINT jobs_claim_not_null NOT NULL,
    worker_id bigint,
    run_at timestamp with time zone CONSTRAINT jobs_run_at_not_null NOT NULL,
    created_at timestamp with time zone CONSTRAINT jobs_created_at_not_null NOT NULL,
    started_at timestamp with time zone,
    finished_at timestamp with time zone,
    expires_at timestamp with time zone,
    cancel_requested_at timestamp with time zone,
    args jsonb CONSTRAINT jobs_args_not_null NOT NULL,
    kwargs jsonb CONSTRAINT jobs_kwargs_not_null NOT NULL,
    headers jsonb,
    result jsonb,
    error text,
    traceback text,
    past_errors jsonb,
    parent_id uuid,
    root_id uuid,
    open_parents integer,
    linked boolean,
    limit_key text,
    due_at timestamp with time zone
);

CREATE TABLE pgqueue.limits (
    limit_key text NOT NULL,
    task text,
    max_concurrency integer,
    rate_limit text,
    rate_burst integer NOT NULL,
    said_at timestamp with time zone NOT NULL,
    next_start timestamp with time zone,
    holders uuid[] DEFAULT '{}'::uuid[] NOT NULL,
    claims integer[] DEFAULT '{}'::integer[] NOT NULL,
    CONSTRAINT limits_max_concurrency_check CHECK ((max_concurrency > 0)),
    CONSTRAINT limits_rate_burst_check CHECK (((rate_burst >= 1) AND (rate_burst <= 100000)))
)
WITH (fillfactor='50', autovacuum_vacuum_scale_factor='0.0', autovacuum_vacuum_threshold='1000', autovacuum_vacuum_cost_delay='0', vacuum_truncate=off);

CREATE TABLE pgqueue.lines (
    limit_key text NOT NULL,
    queue text NOT NULL,
    next_at timestamp with time zone NOT NULL
)
WITH (fillfactor='50', autovacuum_vacuum_scale_factor='0.0', autovacuum_vacuum_threshold='1000', autovacuum_vacuum_cost_delay='0', vacuum_truncate=off);

CREATE TABLE pgqueue.paces (
    queue text NOT NULL,
    next_start timestamp with time zone
)
WITH (fillfactor='50', autovacuum_vacuum_scale_factor='0.0', autovacuum_vacuum_threshold='1000', autovacuum_vacuum_cost_delay='0', vacuum_truncate=off);

CREATE VIEW pgqueue.queue_stats AS
 SELECT COALESCE(j.queue, q.name) AS queue,
    (q.paused_at IS NOT NULL) AS paused,
    COALESCE(j.waiting, (0)::bigint) AS waiting,
    COALESCE(j.ready, (0)::bigint) AS ready,
    COALESCE(j.scheduled, (0)::bigint) AS scheduled,
    COALESCE(j.running, (0)::bigint) AS running,
    j.oldest_ready,
    q.max_depth,
    q.keep,
    q.rate_limit,
        CASE
            WHEN (q.rate_limit IS NOT NULL) THEN q.rate_burst
            ELSE NULL::integer
        END AS rate_burst,
    COALESCE(j.limited, (0)::bigint) AS limited
   FROM (( SELECT l.queue,
            count(*) FILTER (WHERE (l.state = 'waiting'::pgqueue.job_state)) AS waiting,
            count(*) FILTER (WHERE ((l.state = 'queued'::pgqueue.job_state) AND (COALESCE(l.due_at, l.run_at) <= t.now))) AS ready,
            count(*) FILTER (WHERE ((l.state = 'queued'::pgqueue.job_state) AND (COALESCE(l.due_at, l.run_at) > t.now))) AS scheduled,
            count(*) FILTER (WHERE (l.state = 'running'::pgqueue.job_state)) AS running,
            count(*) FILTER (WHERE ((l.state = 'queued'::pgqueue.job_state) AND (l.due_at <= t.now))) AS limited,
            (t.now - min(COALESCE(l.due_at, l.run_at)) FILTER (WHERE ((l.state = 'queued'::pgqueue.job_state) AND (COALESCE(l.due_at, l.run_at) <= t.now)))) AS oldest_ready
           FROM pgqueue.jobs_live l,
            ( SELECT pgqueue.now() AS now) t
          GROUP BY l.queue, t.now) j
     FULL JOIN pgqueue.queues q ON ((q.name = j.queue)));

CREATE TABLE pgqueue.retention (
    state pgqueue.job_state NOT NULL,
    keep interval NOT NULL,
    CONSTRAINT retention_keep_check CHECK ((keep >= '00:00:00'::interval)),
    CONSTRAINT retention_state_check CHECK ((state = ANY (ARRAY['succeeded'::pgqueue.job_state, 'failed'::pgqueue.job_state, 'cancelled'::pgqueue.job_state])))
);

CREATE TABLE pgqueue.schedule_fires (
    schedule text NOT NULL,
    fire_time timestamp with time zone NOT NULL,
    job_id uuid,
    fired_at timestamp with time zone NOT NULL
);

CREATE TABLE pgqueue.schedule_sources (
    source text NOT NULL,
    fingerprint text NOT NULL,
    first_seen_at timestamp with time zone NOT NULL,
    seen_at timestamp with time zone NOT NULL
);

CREATE TABLE pgqueue.schedules (
    name text NOT NULL,
    task text NOT NULL,
    args jsonb DEFAULT '[]'::jsonb NOT NULL,
    kwargs jsonb DEFAULT '{}'::jsonb NOT NULL,
    queue text DEFAULT 'default'::text NOT NULL,
    priority smallint DEFAULT 0 NOT NULL,
    expires_in double precision,
    max_attempts integer,
    headers jsonb,
    schedule text NOT NULL,
    timezone text DEFAULT 'UTC'::text NOT NULL,
    catch_up integer DEFAULT 1 NOT NULL,
    overlap text DEFAULT 'allow'::text NOT NULL,
    source text,
    declared jsonb,
    created_at timestamp with time zone,
    edited_at timestamp with time zone,
    paused_at timestamp with time zone,
    error text,
    next_run_at timestamp with time zone,
    anchor_at timestamp with time zone,
    last_run_at timestamp with time zone,
    last_job_id uuid,
    waiting_tick timestamp with time zone,
    CONSTRAINT schedules_args_check CHECK ((jsonb_typeof(args) = 'array'::text)),
    CONSTRAINT schedules_catch_up_check CHECK (((catch_up >= 0) AND (catch_up <= 1000))),
    CONSTRAINT schedules_expires_in_check CHECK ((expires_in > (0)::double precision)),
    CONSTRAINT schedules_headers_check CHECK ((jsonb_typeof(headers) = 'object'::text)),
    CONSTRAINT schedules_kwargs_check CHECK ((jsonb_typeof(kwargs) = 'object'::text)),
    CONSTRAINT schedules_max_attempts_check CHECK ((max_attempts > 0)),
    CONSTRAINT schedules_name_check CHECK ((name <> ''::text)),
    CONSTRAINT schedules_overlap_check CHECK ((overlap = ANY (ARRAY['allow'::text, 'skip'::text, 'queue'::text, 'replace'::text]))),
    CONSTRAINT schedules_priority_check CHECK (((priority >= 0) AND (priority <= 9))),
    CONSTRAINT schedules_queue_check CHECK ((queue <> ''::text)),
    CONSTRAINT schedules_task_check CHECK ((task <> ''::text))
);

CREATE TABLE pgqueue.schema_files (
    path text NOT NULL,
    sha256 text NOT NULL,
    applied_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);

CREATE TABLE pgqueue.task_settings (
    task text NOT NULL,
    rate_limit text,
    rate_limit_at timestamp with time zone,
    time_limit double precision,
    soft_time_limit double precision,
    limits_at timestamp with time zone,
    CONSTRAINT task_settings_check CHECK ((soft_time_limit <= time_limit)),
    CONSTRAINT task_settings_soft_time_limit_check CHECK ((soft_time_limit > (0)::double precision)),
    CONSTRAINT task_settings_time_limit_check CHECK ((time_limit > (0)::double precision))
);

CREATE TABLE pgqueue.unique_keys (
    key text NOT NULL,
    job_id uuid NOT NULL,
    call_id uuid NOT NULL,
    taken_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone,
    CONSTRAINT unique_keys_key_check CHECK (((octet_length(key) >= 1) AND (octet_length(key) <= 200)))
)
WITH (fillfactor='80', autovacuum_vacuum_scale_factor='0.0', autovacuum_vacuum_threshold='10000', autovacuum_vacuum_cost_delay='0', vacuum_truncate=off);

ALTER TABLE pgqueue.workers ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME pgqueue.workers_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

ALTER TABLE ONLY pgqueue.jobs ATTACH PARTITION pgqueue.jobs_cancelled FOR VALUES IN ('cancelled');

ALTER TABLE ONLY pgqueue.jobs_cancelled ATTACH PARTITION pgqueue.jobs_cancelled_default DEFAULT;

ALTER TABLE ONLY pgqueue.jobs ATTACH PARTITION pgqueue.jobs_failed FOR VALUES IN ('failed');

ALTER TABLE ONLY pgqueue.jobs_failed ATTACH PARTITION pgqueue.jobs_failed_default DEFAULT;

ALTER TABLE ONLY pgqueue.jobs ATTACH PARTITION pgqueue.jobs_live FOR VALUES IN ('waiting', 'queued', 'running');

ALTER TABLE ONLY pgqueue.jobs ATTACH PARTITION pgqueue.jobs_succeeded FOR VALUES IN ('succeeded');

ALTER TABLE ONLY pgqueue.jobs_succeeded ATTACH PARTITION pgqueue.jobs_succeeded_default DEFAULT;

ALTER TABLE ONLY pgqueue.commands
    ADD CONSTRAINT commands_pkey PRIMARY KEY (id);

ALTER TABLE ONLY pgqueue.edges
    ADD CONSTRAINT edges_pkey PRIMARY KEY (parent_id, child_id, kind);

ALTER TABLE ONLY pgqueue.groups
    ADD CONSTRAINT groups_pkey PRIMARY KEY (id);

ALTER TABLE ONLY pgqueue.limits
    ADD CONSTRAINT limits_pkey PRIMARY KEY (limit_key);

ALTER TABLE ONLY pgqueue.lines
    ADD CONSTRAINT lines_pkey PRIMARY KEY (limit_key, queue);

ALTER TABLE ONLY pgqueue.paces
    ADD CONSTRAINT paces_pkey PRIMARY KEY (queue);

ALTER TABLE pgqueue.jobs_live
    ADD CONSTRAINT payload_takes_at_most_64_mb CHECK (((pg_column_size(args) <= 67108864) AND (pg_column_size(kwargs) <= 67108864) AND (COALESCE(pg_column_size(headers), 0) <= 67108864))) NOT VALID;

ALTER TABLE ONLY pgqueue.queues
    ADD CONSTRAINT queues_pkey PRIMARY KEY (name);

ALTER TABLE ONLY pgqueue.retention
    ADD CONSTRAINT retention_pkey PRIMARY KEY (state);

ALTER TABLE ONLY pgqueue.schedule_fires
    ADD CONSTRAINT schedule_fires_pkey PRIMARY KEY (schedule, fire_time);

ALTER TABLE ONLY pgqueue.schedule_sources
    ADD CONSTRAINT schedule_sources_pkey PRIMARY KEY (source, fingerprint);

ALTER TABLE ONLY pgqueue.schedules
    ADD CONSTRAINT schedules_pkey PRIMARY KEY (name);

ALTER TABLE ONLY pgqueue.schema_files
    ADD CONSTRAINT schema_files_pkey PRIMARY KEY (path);

ALTER TABLE ONLY pgqueue.task_settings
    ADD CONSTRAINT task_settings_pkey PRIMARY KEY (task);

ALTER TABLE ONLY pgqueue.unique_keys
    ADD CONSTRAINT unique_keys_pkey PRIMARY KEY (key);

ALTER TABLE ONLY pgqueue.workers
    ADD CONSTRAINT workers_pkey PRIMARY KEY (id);

CREATE INDEX arrivals_queue ON pgqueue.arrivals USING btree (queue);

CREATE INDEX commands_broadcast ON pgqueue.commands USING btree (broadcast);

CREATE INDEX commands_open ON pgqueue.commands USING btree (worker_id) WHERE (answered_at IS NULL);

CREATE INDEX edges_child ON pgqueue.edges USING btree (child_id);

CREATE INDEX jobs_cancelled_id ON ONLY pgqueue.jobs_cancelled USING btree (id);

CREATE INDEX jobs_cancelled_default_id_idx ON pgqueue.jobs_cancelled_default USING btree (id);

CREATE INDEX jobs_cancelled_default_root_id_idx ON pgqueue.jobs_cancelled_default USING btree (root_id) WHERE (root_id IS NOT NULL);

CREATE INDEX jobs_cancelled_root ON ONLY pgqueue.jobs_cancelled USING btree (root_id) WHERE (root_id IS NOT NULL);

CREATE INDEX jobs_failed_id ON ONLY pgqueue.jobs_failed USING btree (id);

CREATE INDEX jobs_failed_default_id_idx ON pgqueue.jobs_failed_default USING btree (id);

CREATE INDEX jobs_failed_default_root_id_idx ON pgqueue.jobs_failed_default USING btree (root_id) WHERE (root_id IS NOT NULL);

CREATE INDEX jobs_failed_root ON ONLY pgqueue.jobs_failed USING btree (root_id) WHERE (root_id IS NOT NULL);

CREATE INDEX jobs_live_claim ON pgqueue.jobs_live USING btree (queue, priority, run_at, id);

CREATE UNIQUE INDEX jobs_live_id ON pgqueue.jobs_live USING btree (id);

CREATE INDEX jobs_live_parked ON pgqueue.jobs_live USING btree (limit_key, queue, priority DESC, due_at, id) WHERE (due_at IS NOT NULL);

CREATE INDEX jobs_live_root ON pgqueue.jobs_live USING btree (root_id) WHERE (root_id IS NOT NULL);

CREATE INDEX jobs_succeeded_id ON ONLY pgqueue.jobs_succeeded USING btree (id);

CREATE INDEX jobs_succeeded_default_id_idx ON pgqueue.jobs_succeeded_default USING btree (id);

CREATE INDEX jobs_succeeded_default_root_id_idx ON pgqueue.jobs_succeeded_default USING btree (root_id) WHERE (root_id IS NOT NULL);

CREATE INDEX jobs_succeeded_root ON ONLY pgqueue.jobs_succeeded USING btree (root_id) WHERE (root_id IS NOT NULL);

CREATE INDEX lines_next ON pgqueue.lines USING btree (queue, next_at);

CREATE INDEX schedule_fires_age ON pgqueue.schedule_fires USING btree (fired_at);

CREATE INDEX schedules_due ON pgqueue.schedules USING btree (COALESCE(next_run_at, '-infinity'::timestamp with time zone)) WHERE ((paused_at IS NULL) AND (error IS NULL));

CREATE INDEX schedules_waiting ON pgqueue.schedules USING btree (name) WHERE (waiting_tick IS NOT NULL);

CREATE INDEX workers_living ON pgqueue.workers USING btree (id) WHERE (stopped_at IS NULL);

ALTER INDEX pgqueue.jobs_cancelled_id ATTACH PARTITION pgqueue.jobs_cancelled_default_id_idx;

ALTER INDEX pgqueue.jobs_failed_id ATTACH PARTITION pgqueue.jobs_failed_default_id_idx;

ALTER INDEX pgqueue.jobs_succeeded_id ATTACH PARTITION pgqueue.jobs_succeeded_default_id_idx;
