-- A file of sql/ has been applied: noted in the same transaction.
insert into pgqueue.schema_files (path, sha256)
values (%(path)s::text, %(sha256)s::text)
on conflict (path) do update set sha256 = excluded.sha256, applied_at = clock_timestamp()
