-- files committed that have no job
select count(*) from pgqueue_demo.files f where f.run_id = :'run' and not exists
(select from pgqueue.jobs j where j.headers->'run' = :'run' and j.args = jsonb_build_array(f.id));
