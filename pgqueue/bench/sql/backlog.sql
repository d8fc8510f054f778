-- How many jobs there were that had not finished, so many times between the first and the last
-- one that was enqueued; and how many of all had finished by then.
with span as (
    select min(created_at) as began, max(created_at) as ended from pgqueue.jobs
), moments as (
    select t.began, t.began + (t.ended - t.began) * g.i / %(points)s::integer as moment
    from span t, generate_series(0, %(points)s::integer) as g (i)
)
select
    extract(epoch from m.moment - m.began)::float8,
    count(*) filter (where j.created_at <= m.moment)
        - count(*) filter (where j.finished_at <= m.moment),
    count(*) filter (where j.finished_at <= m.moment)
from moments m cross join pgqueue.jobs j
group by m.began, m.moment
order by m.moment
