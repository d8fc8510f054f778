-- The schedules that are due, locked until the end of the transaction, which is to fire them; also
-- those whose time is not known, and those whose waiting job need not wait any longer.
--
-- Whoever else looks, or edits one of them meanwhile, has it passed over here: the others are not
-- kept waiting. A row that another scheduler has just advanced is locked in its new version, and is
-- due no more: what is to be done follows from what comes back, never from why it was looked at.
--
-- A scheduler that freezes half-way must let go of them soon.
with late as (
    select s.name
    from pgqueue.schedules s
    where s.paused_at is null and s.error is null
      and coalesce(s.next_run_at, '-infinity') <= (select pgqueue.now())
      and (%(name)s::text is null or s.name = %(name)s::text)
    order by coalesce(s.next_run_at, '-infinity')
    limit %(limit)s::integer
), freed as (
    select s.name
    from pgqueue.schedules s
    where s.waiting_tick is not null and s.paused_at is null and s.error is null
      and (%(name)s::text is null or s.name = %(name)s::text)
      and not exists (select from pgqueue.jobs_live j where j.id = s.last_job_id)
    limit %(limit)s::integer
), look as materialized (
    select l.name from late l union select f.name from freed f
)
select
    s.name, s.schedule, s.timezone, s.catch_up, s.overlap, s.anchor_at, s.next_run_at, s.waiting_tick,
    s.last_job_id::text, exists (select from pgqueue.jobs_live j where j.id = s.last_job_id),
    t.now, set_config('idle_in_transaction_session_timeout', '2s', true)
from look l
join pgqueue.schedules s using (name),
    (select pgqueue.now() as now) t
where s.paused_at is null and s.error is null
  and (coalesce(s.next_run_at, '-infinity') <= t.now or s.waiting_tick is not null)
order by s.name
for update of s skip locked
