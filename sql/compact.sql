-- Writes the rows of the hot table into new files, with new indexes, and gives back the old ones.
-- Dead rows that an old snapshot still sees are taken along, so it is as harmless to readers as
-- vacuum. Nobody else gets at the table meanwhile: asked for after `rehearse` only, which says that
-- little is to be copied, and how long this may wait for its lock. Statements that wait find their
-- rows in the new files; no transition keeps a row's place from one statement to the next.
cluster pgqueue.jobs_live using jobs_live_id
