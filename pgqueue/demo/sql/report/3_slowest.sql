-- The files that took the processor longest
select f.path, a.lines, a.functions, a.classes, a.seconds
from pgqueue_demo.analyses a join pgqueue_demo.files f on f.id = a.file_id
where f.run_id = :'run' order by a.seconds desc limit 5;
