-- How long the statements that follow in this transaction may take.
select set_config('statement_timeout', (%(seconds)s::float8 * 1000)::integer::text, true)
