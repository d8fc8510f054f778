-- Forgets workers that stopped longer ago than any job that they ran is kept.
delete from pgqueue.workers w
where w.stopped_at < pgqueue.now() - (select max(r.keep) from pgqueue.retention r)
returning w.id
