-- From now on nobody but us vacuums or analyzes the live jobs.
alter table pgqueue.jobs_live set (autovacuum_enabled = off)
