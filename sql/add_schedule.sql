-- Adds a schedule; see sql/functions/add_schedule.sql.
select pgqueue.add_schedule(
    %(name)s::text, %(task)s::text, %(schedule)s::text,
    jsonb_build_object('args', %(args)s::jsonb, 'kwargs', %(kwargs)s::jsonb),
    queue => %(queue)s::text, priority => %(priority)s::integer,
    expires => make_interval(secs => %(expires_in)s::float8), headers => %(headers)s::jsonb,
    max_retries => %(max_attempts)s::integer - 1, timezone => %(timezone)s::text,
    catch_up => %(catch_up)s::integer, overlap => %(overlap)s::text)
