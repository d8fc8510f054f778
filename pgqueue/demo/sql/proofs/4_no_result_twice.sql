-- files with two rows of results
select count(*) - count(distinct a.file_id)
from pgqueue_demo.analyses a join pgqueue_demo.files f on f.id = a.file_id where f.run_id = :'run';
