-- How many jobs are in each state, history included.
select j.state::text, count(*) from pgqueue.jobs j group by j.state order by j.state
