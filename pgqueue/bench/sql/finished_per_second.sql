-- How many jobs finished in each second from the first claim on.
select s.second::integer, count(j.finished_at)
from (select min(started_at) as began, max(finished_at) as ended
      from pgqueue.jobs where state = 'succeeded') t
cross join generate_series(0, floor(extract(epoch from t.ended - t.began))) as s (second)
left join pgqueue.jobs j on j.state = 'succeeded'
    and j.finished_at >= t.began + s.second * interval '1 s'
    and j.finished_at < t.began + (s.second + 1) * interval '1 s'
group by 1
order by 1
