-- A worker answers what it was told. It may say so twice, if it does not know whether the first time
-- was committed: what it has done once it does not do again.
update pgqueue.commands c
set answered_at = pgqueue.now(), reply = a.reply::jsonb
from unnest(%(ids)s::bigint[], %(replies)s::text[]) as a (id, reply)
where c.id = a.id
