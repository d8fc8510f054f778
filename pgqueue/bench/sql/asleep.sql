-- Whether a worker sleeps, and would be woken: then the lock of its queue cannot be had alone.
select case
    when pg_try_advisory_lock(pgqueue.gate('default')) then not pg_advisory_unlock(pgqueue.gate('default'))
    else true end
