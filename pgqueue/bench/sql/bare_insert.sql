-- What `delay` inserts, and nothing else: no gate, no look at the history, no answer.
insert into pgqueue.jobs_live
    (id, queue, task, priority, max_attempts, run_at, created_at, expires_at, args, kwargs, headers)
values
    (%(id)s, %(queue)s, %(task)s, %(priority)s, null, now(), now(), null, %(args)s, %(kwargs)s, null)
