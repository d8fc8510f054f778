-- A finished job's row is removed before its day comes: the caller wants no trace of it.
delete from pgqueue.jobs j
where j.id = %(id)s::uuid and j.state in ('succeeded', 'failed', 'cancelled')
returning j.id::text
