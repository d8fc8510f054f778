-- Wakes the sleepers of a place, at no cost if there are none. Nobody sleeps if the lock that
-- sleepers share can be had alone; it is given back at once, in the same expression, so that no
-- cancel or time-out can fall between the two and leave it with a pooled session.
--
-- Only a refused lock pays for a NOTIFY, which serialises commits across the whole cluster.
-- Two callers that look at the same instant may refuse each other: a NOTIFY too many.
-- A sleeper that lies down between this look and the caller's commit finds the work by polling;
-- see pgqueue/worker/wakeup.py.
--
-- One SQL expression, because that is inlined: a call costs two lock operations and no more.
create or replace function pgqueue.wake(place text, channel text) returns void
    language sql volatile parallel unsafe
    return case
        when case when pg_try_advisory_lock(pgqueue.gate(place))
                  then not pg_advisory_unlock(pgqueue.gate(place))
                  else true end
        then pg_notify(channel, '')
    end;
