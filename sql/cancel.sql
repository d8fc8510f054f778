-- Cancels jobs; see sql/functions/cancel.sql for what happens in which state.
select c.id::text, c.state::text from pgqueue.cancel(%(ids)s::uuid[]) c
