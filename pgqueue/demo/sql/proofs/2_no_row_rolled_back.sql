-- files rolled back whose row exists all the same
select count(*) from pgqueue_demo.rolled_back r join pgqueue_demo.files f using (run_id, path)
where r.run_id = :'run'
