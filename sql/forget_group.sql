-- Forgets a group that was saved; its jobs stay.
delete from pgqueue.groups g where g.id = %(id)s::uuid returning g.id::text
