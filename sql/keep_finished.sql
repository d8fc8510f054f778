-- Says how long a queue's finished jobs are kept, in seconds; see sql/functions/keep_finished.sql.
select pgqueue.keep_finished(%(queue)s::text, make_interval(secs => %(seconds)s::float8))
