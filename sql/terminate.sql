-- Cancels jobs and has those ended that run; see sql/functions/terminate.sql.
select t.id::text, t.state::text from pgqueue.terminate(%(ids)s::uuid[], %(signal)s::text) t
