-- Jobs with a text of so many bytes that compresses badly.
insert into pgqueue.jobs_live (id, task, run_at, created_at, args)
select pgqueue.uuid7(), %(task)s::text, t.now, t.now, jsonb_build_array(p.text)
from (select left(string_agg(md5(g.i::text), ''), %(size)s::integer) as text
      from generate_series(0, %(size)s::integer / 32) as g (i)) p,
    (select clock_timestamp() as now) t,
    generate_series(1, %(jobs)s::integer)
