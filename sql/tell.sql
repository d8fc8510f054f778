-- Tells some workers something; see sql/functions/tell.sql. Their answers are in sql/answers.sql.
select pgqueue.tell(
    %(broadcast)s::uuid, %(command)s::text, %(arguments)s::jsonb, %(workers)s::bigint[],
    %(seconds)s::float8)
