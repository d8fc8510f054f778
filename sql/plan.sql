-- The planner's settings for the statements that follow: in this session, or only in this
-- transaction where a pooler lends the session to somebody else afterwards.
select set_config(s.name, s.value, %(in_transaction)s::boolean)
from unnest(%(names)s::text[], %(settings)s::text[]) as s (name, value)
