-- Follows the edges of jobs that have ended and were not followed; see sql/functions/follow.sql.
select pgqueue.follow(%(ids)s::uuid[])
