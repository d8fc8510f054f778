-- The members of a group that was saved, in their order.
select m::text
from pgqueue.groups g
cross join lateral unnest(g.members) with ordinality as u (m, place)
where g.id = %(id)s::uuid
order by u.place
