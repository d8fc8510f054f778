-- Forgets the groups that were saved so long ago that no member's row need still be there.
delete from pgqueue.groups g
where g.created_at < (select pgqueue.now() - max(r.keep) from pgqueue.retention r)
returning g.id::text
