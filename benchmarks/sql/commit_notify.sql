-- The same, and whoever listens is told: what a queue without a gate does.
with inserted as (
    insert into pgqueue.jobs_live
        (id, queue, task, priority, max_attempts, run_at, created_at, expires_at, args, kwargs, headers)
    values (pgqueue.uuid7(), 'default', 'bench.noop', 0, null, now(), now(), null, '[1]', '{}', null)
    returning id
)
select pg_notify('pgqueue.jobs', '') from inserted
