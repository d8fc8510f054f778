-- Which files of sql/ this schema has.
select f.path, f.sha256 from pgqueue.schema_files f
