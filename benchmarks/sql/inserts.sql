-- How many statements inserted these jobs: a row remembers its transaction and, in there, the command.
select count(distinct (j.xmin::text, j.cmin::text))
from pgqueue.jobs_live j
join unnest(%(ids)s::uuid[]) chosen (id) on chosen.id = j.id
