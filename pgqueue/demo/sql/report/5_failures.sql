-- The jobs that failed, after their retries
select f.path, j.attempt as attempts, j.error
from pgqueue.jobs j join pgqueue_demo.files f on j.args = jsonb_build_array(f.id)
where j.headers->'run' = :'run' and j.state = 'failed' order by f.path limit 20;
