-- running -> queued, uncharged, for jobs that ran beside each other in a process that died: nobody
-- knows whose fault it was. A note in their headers has each run alone from now on, so that the next
-- crash is certainly its own. Fenced by the claim number; sleepers are woken, as in crash.sql.
with suspects as materialized (
    select j.id
    from pgqueue.jobs_live j
    join unnest(%(ids)s::uuid[], %(claims)s::integer[]) as s (id, claim) on j.id = s.id and j.claim = s.claim
    where j.state = 'running'
    order by j.id
    for update of j
), again as (
    update pgqueue.jobs_live j
    set state = 'queued',
        attempt = j.attempt - 1,
        headers = pgqueue.run_alone(j.headers),
        past_errors = pgqueue.add_error(j.past_errors, j.attempt, j.claim, j.worker_id,
                                        j.started_at, pgqueue.now(), %(error)s::text, null)
    from suspects s
    where j.id = s.id
    returning j.id, j.queue
), called as (
    select pgqueue.wake(q.queue, 'pgqueue.jobs') from (select distinct queue from again) q
)
select a.id::text from again a cross join (select count(*) from called) c
