-- Limits how many jobs may wait in a queue; see sql/functions/limit_queue.sql.
select pgqueue.limit_queue(%(queue)s::text, %(max_depth)s::integer)
