-- The jobs that earlier runs have left, because they were killed
select count(*) from pgqueue.jobs
where queue = 'demo' and state in ('queued', 'running') and headers->'run' <> :'run';
