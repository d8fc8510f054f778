-- How long finished jobs are kept, in seconds.
select r.state::text, extract(epoch from r.keep)::float8
from pgqueue.retention r
