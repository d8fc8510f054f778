-- Drops the days of history whose time has come.
select p from pgqueue.drop_partitions() p
