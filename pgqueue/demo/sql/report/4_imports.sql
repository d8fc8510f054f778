-- The modules that most files import
select module, count(*) as files
from pgqueue_demo.analyses a join pgqueue_demo.files f on f.id = a.file_id, unnest(imports) module
where f.run_id = :'run' group by module order by files desc, module limit 5;
