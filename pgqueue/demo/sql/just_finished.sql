-- The jobs that ended within a minute, of any run
select count(*) from pgqueue.jobs
where queue = 'demo' and finished_at > pgqueue.now() - interval '1 minute';
