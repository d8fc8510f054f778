-- Stops claims from a queue; see sql/functions/pause.sql.
select pgqueue.pause(%(queue)s::text)
