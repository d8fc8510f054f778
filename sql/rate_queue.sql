-- Limits how often jobs of a queue start; see sql/functions/rate_queue.sql.
select pgqueue.rate_queue(%(queue)s::text, %(rate_limit)s::text, %(rate_burst)s::integer)
