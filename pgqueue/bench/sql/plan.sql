-- Makes settings for the session.
select set_config(s.name, s.value, false)
from unnest(%(names)s::text[], %(values)s::text[]) as s (name, value)
