-- Takes the lock of a duty for this transaction, if no other worker has it, and makes the duty
-- step back from locks that others hold. The lock only saves work: every duty is correct when two
-- workers do it at once.
select pg_try_advisory_xact_lock(hashtextextended('pgqueue.duty:' || %(duty)s::text, 0)),
    set_config('lock_timeout', '200ms', true)
