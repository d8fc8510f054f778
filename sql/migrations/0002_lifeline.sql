-- Whether a worker's session holds its lifeline (functions/lifeline.sql), and in which life of which
-- server: only there does losing it mean something. Null: it holds none, as behind a transaction
-- pooler, where no session is its own.
alter table pgqueue.workers add column lifeline text;

-- Those that live are looked at a few times a second; those that stopped are kept as long as jobs.
create index workers_living on pgqueue.workers (id) where stopped_at is null;
