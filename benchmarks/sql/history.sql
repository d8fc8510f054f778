-- How many jobs are in the history.
select count(*) from pgqueue.jobs j where j.state = 'succeeded'
