-- Runs finished jobs again; see sql/functions/retry.sql.
select r::text from pgqueue.retry(%(ids)s::uuid[]) r
