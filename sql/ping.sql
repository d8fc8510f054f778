-- Asks every worker for a heartbeat now; returns the time of asking. An answer is a heartbeat_at
-- after it.
select pgqueue.now(), pg_notify('pgqueue.control', '')
