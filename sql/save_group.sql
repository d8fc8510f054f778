-- Notes the members of a group, so that it can be found again by its id.
insert into pgqueue.groups as g (id, members, created_at)
values (%(id)s::uuid, %(members)s::uuid[], pgqueue.now())
on conflict (id) do update set members = excluded.members, created_at = excluded.created_at
