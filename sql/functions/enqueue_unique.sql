-- Enqueues a job from SQL unless another one holds its unique key, in the caller's transaction; returns
-- the id of the job that stands for the call, and whether that one was there before.
--
--     select job_id, existing from pgqueue.enqueue_unique('billing.sync', 'billing.sync:42', '{"args": [42]}');
--
-- unique_key    a text of your own; all tasks share the keys
-- unique_until  'end': the job holds its key while it lives; 'start': until it starts to run
-- unique_for    it holds the key for so long after this call, too, unless it fails or is cancelled
-- on_duplicate  'keep': the other job stays as it is; 'replace': it becomes what this call says, if it
--               is queued still, and holds until it starts; 'raise': an error, unique_violation
--
-- The others are those of pgqueue.enqueue(), which makes the job.
create or replace function pgqueue.enqueue_unique(
    task text, unique_key text, payload jsonb default '{}', queue text default 'default',
    priority integer default 0, countdown interval default null, eta timestamptz default null,
    expires timestamptz default null, id uuid default null, headers jsonb default null,
    max_retries integer default null, notify boolean default true, unique_until text default null,
    unique_for interval default null, on_duplicate text default 'keep'
) returns table (job_id uuid, existing boolean)
    language plpgsql volatile
as $$
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
