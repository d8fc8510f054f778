-- running -> waiting, for a job that becomes what it has enqueued in the same transaction: edges of
-- the kind "become" lead to it, and when they have been followed it ends, see pgqueue.follow(). Its
-- own edges stay. It will not run again, so that it is parked no longer. Fenced by the claim number.
update pgqueue.jobs_live j
set state = 'waiting', run_at = 'infinity', due_at = null, open_parents = %(open_parents)s::integer,
    linked = true
where j.id = %(id)s::uuid and j.claim = %(claim)s::integer and j.state = 'running'
returning j.id::text
