-- files rolled back that have a row
select count(*) from pgqueue_demo.rolled_back r join pgqueue_demo.files f using (run_id, path)
where r.run_id = :'run';
