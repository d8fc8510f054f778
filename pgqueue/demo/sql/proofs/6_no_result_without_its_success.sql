-- rows of results whose job did not succeed
select count(*) from pgqueue_demo.analyses a join pgqueue_demo.files f on f.id = a.file_id
where f.run_id = :'run' and not exists
(select from pgqueue.jobs j where j.id = a.job_id and j.state = 'succeeded');
