-- Whether a worker's session holds its lifeline (functions/lifeline.sql), so that losing it means
-- something. A worker behind a transaction pooler has no session of its own, and holds none.
alter table pgqueue.workers add column has_lifeline boolean not null default false;
