-- A running job says how far it is: kept where its result will be, until the run ends. The claim is
-- in it, because a job that is given back and claimed again still has what the earlier run said.
--
-- Races with whatever ends the run: the row is theirs or ours first, and later there is no row that
-- runs under this claim. HOT, since no index has the column. Fenced by the claim number.
update pgqueue.jobs_live j
set result = %(note)s::jsonb || jsonb_build_object('claim', j.claim)
where j.id = %(id)s::uuid and j.claim = %(claim)s::integer and j.state = 'running'
returning j.id::text
