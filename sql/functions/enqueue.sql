-- Enqueues a job from SQL, in the caller's transaction; returns its id. Usable from triggers.
--
--     select pgqueue.enqueue('billing.charge', '{"args": [1]}', queue => 'billing');
--
-- task         the registered name of the task
-- payload      {"args": [...], "kwargs": {...}}, either may be left out
-- queue        where it waits; workers name the queues that they serve
-- priority     0 to 9, 9 first
-- countdown    run no earlier than this long from now
-- eta          run no earlier than this time (at most one of countdown and eta)
-- expires      cancel it instead of running it after this time
-- id           a UUID of the caller's; a second enqueue under it changes nothing, as long as the
--              first job's row is kept
-- headers      an object for the caller's own use, see self.request.headers
-- max_retries  how often it may be tried again; null: as the task declares
-- notify       false: do not wake a sleeping worker, which finds the job by polling (a transaction
--              that is to be prepared may not notify)
create or replace function pgqueue.enqueue(
    task text, payload jsonb default '{}', queue text default 'default',
    priority integer default 0, countdown interval default null, eta timestamptz default null,
    expires timestamptz default null, id uuid default null, headers jsonb default null,
    max_retries integer default null, notify boolean default true
) returns uuid
    language plpgsql volatile
as $$
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
